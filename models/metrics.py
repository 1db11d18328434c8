"""Error rates of comparison and of quality: FMR, FNMR, TMR, k-fold accuracy, EDC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import discard

Scores = NDArray[np.floating]


def wilson(errors: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a proportion, (lower, upper); z = 1.96 is 95 %."""
    share, scale = errors / trials, 1 + z * z / trials
    center = share + z * z / (2 * trials)
    reach = z * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return max(0.0, float((center - reach) / scale)), min(1.0, float((center + reach) / scale))


def fnmr_at(genuine: Scores, threshold: float) -> float:
    """Share of genuine similarities below `threshold` (false non-match rate, ISO/IEC 19795-1)."""
    # In float64: a threshold just above a float32 score would round back onto it.
    return float((np.asarray(genuine, np.float64) < threshold).mean())


def threshold_at_fmr(impostor: Scores, fmr: float) -> float:
    """The smallest similarity at which at most `fmr` of the impostor comparisons match.

    The conservative convention: the observed rate never exceeds the one asked for.
    """
    n = len(impostor)
    allowed = int(fmr * n + 1e-9)  # 3e-4 of 10,000 is 2.9999999999999996 in floats
    cut = np.partition(impostor, n - 1 - allowed)[n - 1 - allowed]
    return float(np.nextafter(cut, np.float64(2)))


def tmr_at_fmr(genuine: Scores, impostor: Scores, fmr: float) -> float:
    """Share of genuine comparisons that match when at most `fmr` of impostors do."""
    return 1 - fnmr_at(genuine, threshold_at_fmr(impostor, fmr))


def tmr_nearest_fmr(genuine: Scores, impostor: Scores, fmr: float) -> float:
    """TMR at the reachable FMR nearest to `fmr`, which may exceed it: a compatibility value.

    The convention of the published IJB scripts; of two rates equally near they take the larger.
    """
    falling = np.sort(np.asarray(impostor, np.float64))[::-1]
    # Accepting k impostors is possible where the k-th score is above the next one.
    reachable = np.flatnonzero(np.concatenate([[True], falling[:-1] > falling[1:], [True]]))
    away = np.abs(reachable / len(falling) - fmr)
    # Rates like 0.9 and 1 - 0.1 differ in the last bit only.
    accepted = int(reachable[np.flatnonzero(away <= away.min() + 1e-12)[-1]])
    if accepted == len(falling):
        return 1.0
    return 1 - fnmr_at(genuine, float(np.nextafter(falling[accepted], 2)))


def tmr_interval(
    genuine: Scores,
    impostor: Scores,
    fmrs: Sequence[float],
    *,
    replicates: int = 2000,
    seed: int = 0,
) -> list[tuple[float, float]]:
    """95 % bootstrap interval of `tmr_at_fmr` at each rate, threshold resampled too.

    The distribution of resampling n impostors and m genuines with replacement, drawn in closed
    form: the rank of the resample's (k+1)-th largest impostor is that of a Beta(k+1, n-k)
    order statistic, the genuines above it are Binomial. So 16 million impostors cost what a
    hundred do. Comparisons count as independent; those that share a face are not quite.
    """
    rng = np.random.default_rng(seed)
    falling = np.sort(np.asarray(impostor, np.float64))[::-1]
    rising, n = np.sort(np.asarray(genuine, np.float64)), len(falling)
    intervals = []
    for fmr in fmrs:
        allowed = int(fmr * n + 1e-9)
        ranks = (rng.beta(allowed + 1, n - allowed, replicates) * n).astype(np.int64)
        cuts = falling[ranks.clip(0, n - 1)]
        matching = 1 - np.searchsorted(rising, cuts, side="right") / len(rising)
        rates = rng.binomial(len(rising), matching.clip(0, 1)) / len(rising)
        lower, upper = np.percentile(rates, [2.5, 97.5])
        intervals.append((float(lower), float(upper)))
    return intervals


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
    right = held_out_decisions(scores, same, folds)
    accuracies = [float(right[fold_of == fold].mean()) for fold in np.unique(fold_of)]
    return Accuracy(float(np.mean(accuracies)), float(np.std(accuracies)))


def held_out_decisions(
    scores: Scores, same: NDArray[np.bool_], folds: Sequence[int]
) -> NDArray[np.bool_]:
    """Which of the n pairs are judged rightly at the threshold best on the other folds."""
    fold_of, right = np.asarray(folds), np.zeros(len(scores), bool)
    for fold in np.unique(fold_of):
        held = fold_of == fold
        rest = ~held if (~held).any() else held
        threshold = best_threshold(scores[rest], same[rest])
        right[held] = (scores[held] >= threshold) == same[held]
    return right


def grid_accuracy(scores: Scores, same: NDArray[np.bool_], folds: Sequence[int]) -> Accuracy:
    """k-fold accuracy over thresholds 0, 0.01, ..., 3.99 of squared distance: what papers print.

    The first of equally good thresholds is taken (AdaFace, insightface `verification.py`);
    `fold_accuracy` finds the best threshold without a grid.
    """
    distance = 2 - 2 * np.asarray(scores, np.float64)
    right = (distance[None, :] < np.arange(0, 4, 0.01)[:, None]) == same[None, :]
    fold_of, accuracies = np.asarray(folds), []
    for fold in np.unique(fold_of):
        held = fold_of == fold
        rest = ~held if (~held).any() else held
        best = int(right[:, rest].sum(axis=1).argmax())
        accuracies.append(float(right[best, held].mean()))
    return Accuracy(float(np.mean(accuracies)), float(np.std(accuracies)))


def folds_in_order(pairs: int, folds: int = 10) -> list[int]:
    """The fold of each pair when the file order is cut into `folds` runs, the longer ones first."""
    count = max(1, min(folds, pairs))
    return [fold for fold in range(count) for _ in range(pairs // count + (fold < pairs % count))]


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
    fractions in [0, 1); `models.discard` has the whole curve.
    """
    curve = discard.discard_curve(np.asarray(genuine, np.float64) < threshold, quality)
    return [discard.at(curve, share) for share in discards]
