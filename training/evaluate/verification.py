"""1:1 on a pair set: k-fold accuracy in file order and TMR at fixed FMR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metrics import fold_accuracy, grid_accuracy, held_out_decisions, wilson
from training.evaluate.embedder import Embed
from training.evaluate.features import Progress, all_features
from training.evaluate.measures import (
    Measure,
    OperatingPoint,
    operating_points,
    similarities,
)
from training.evaluate.pairsets import PairSet

FMRS = (1e-1, 1e-2, 1e-3, 1e-4)


@dataclass(frozen=True)
class Comparisons:
    """Cosines (P,) of compared pairs and whether they show the same person."""

    scores: NDArray[np.float32]
    same: NDArray[np.bool_]

    @property
    def genuine(self) -> NDArray[np.float32]:
        return self.scores[self.same]

    @property
    def impostor(self) -> NDArray[np.float32]:
        return self.scores[~self.same]


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What a pair set says.

    `accuracy`: mean over `folds` of the share of pairs judged rightly at the threshold best on the
    other folds, with the Wilson interval of all pairs; `accuracy_std` over the folds;
    `accuracy_on_grid`: the same with the 400 thresholds of the published scripts. `points` leaves
    out every FMR that the impostor pairs cannot support (rule of three).
    """

    set: str
    pairs: int
    genuine: int
    folds: int
    accuracy: Measure
    accuracy_std: float
    accuracy_on_grid: Measure
    points: list[OperatingPoint]

    def measures(self) -> list[Measure]:
        points = [measure for point in self.points for measure in point.measures()]
        return [self.accuracy, self.accuracy_on_grid, *points]


def compare(embed: Embed, pairs: PairSet, progress: Progress) -> Comparisons:
    """Embeds every crop of the set once and compares its pairs."""
    found = all_features(embed, pairs.read, pairs.count, progress=progress)
    return Comparisons(similarities(found.embeddings, pairs.first, pairs.second), pairs.same)


def verify(pairs: PairSet, compared: Comparisons) -> VerificationReport:
    """The report on a set whose pairs were compared."""
    scores, same = compared.scores.astype(np.float64), compared.same
    folded = fold_accuracy(scores, same, pairs.folds)
    right = held_out_decisions(scores, same, pairs.folds)
    interval = wilson(int(right.sum()), len(right))
    gridded = grid_accuracy(scores, same, pairs.folds).mean
    return VerificationReport(
        set=pairs.name,
        pairs=len(scores),
        genuine=int(same.sum()),
        folds=len(set(pairs.folds)),
        accuracy=Measure("accuracy", folded.mean, *interval),
        accuracy_std=folded.std,
        accuracy_on_grid=Measure("accuracy_on_grid", gridded, *interval),
        points=operating_points(scores[same], scores[~same], FMRS),
    )
