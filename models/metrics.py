"""Error rates of comparison and of quality: FMR, FNMR, TMR, k-fold accuracy, EDC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]


def wilson(errors: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a proportion, (lower, upper); z = 1.96 is 95 %."""
    share, scale = errors / trials, 1 + z * z / trials
    center = share + z * z / (2 * trials)
    reach = z * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return max(0.0, float((center - reach) / scale)), min(1.0, float((center + reach) / scale))


def fnmr_at(genuine: Scores, threshold: float) -> float:
    """Share of genuine similarities below `threshold` (false non-match rate, ISO/IEC 19795-1)."""
    return float((genuine < threshold).mean())


def threshold_at_fmr(impostor: Scores, fmr: float) -> float:
    """The smallest similarity at which at most `fmr` of the impostor comparisons match.

    The conservative convention: the observed rate never exceeds the one asked for.
    """
    falling = np.sort(impostor)[::-1]
    return float(np.nextafter(falling[int(fmr * len(falling))], np.float64(2)))


def tmr_at_fmr(genuine: Scores, impostor: Scores, fmr: float) -> float:
    """Share of genuine comparisons that match when at most `fmr` of impostors do."""
    return 1 - fnmr_at(genuine, threshold_at_fmr(impostor, fmr))


def best_threshold(scores: Scores, same: NDArray[np.bool_]) -> float:
    """The similarity that separates the pairs with most accuracy, midway between two scores."""
    order = np.argsort(scores, kind="stable")
    ranked, truth = scores[order], same[order]
    # Threshold before position i: impostors below it and genuines from it on are right.
    right = np.concatenate([[0], np.cumsum(~truth)]) + (truth.sum() - np.cumsum([0, *truth]))
    right[1:-1][ranked[1:] == ranked[:-1]] = -1  # no threshold lies between equal scores
    best = int(right.argmax())
    edges = np.concatenate([[ranked[0] - 1e-6], ranked, [ranked[-1] + 1e-6]])
    return float((edges[best] + edges[best + 1]) / 2)


class Accuracy(NamedTuple):
    """Mean and standard deviation over the folds."""

    mean: float
    std: float


def fold_accuracy(scores: Scores, same: NDArray[np.bool_], folds: Sequence[int]) -> Accuracy:
    """k-fold accuracy: each fold is judged at the threshold best on the others (LFW View 2).

    `folds` gives the fold of each pair.
    """
    fold_of = np.asarray(folds)
    accuracies = []
    for fold in np.unique(fold_of):
        held = fold_of == fold
        rest = ~held if (~held).any() else held
        threshold = best_threshold(scores[rest], same[rest])
        accuracies.append(float(((scores[held] >= threshold) == same[held]).mean()))
    return Accuracy(float(np.mean(accuracies)), float(np.std(accuracies)))


def spearman(a: Scores, b: Scores) -> float:
    """Rank correlation in [-1, 1], ties sharing their mean rank."""
    ranks = np.corrcoef(_ranks(a), _ranks(b))
    return float(ranks[0, 1])


def _ranks(values: Scores) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(mean_rank[inverse], dtype=np.float64)


def edc(
    genuine: Scores, quality: Scores, threshold: float, discards: Sequence[float]
) -> list[float]:
    """Error-versus-discard: FNMR of the kept pairs after discarding the worst by quality.

    `genuine` (n,) similarities, `quality` (n,) the smaller quality of each pair, `discards`
    fractions in [0, 1). The threshold stays fixed (ISO/IEC 29794-1:2024), so the curve shows
    what discarding buys and not what re-tuning does.
    """
    order = np.argsort(quality, kind="stable")
    kept = genuine[order]
    return [fnmr_at(kept[int(share * len(kept)) :], threshold) for share in discards]
