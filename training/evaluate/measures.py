"""Numbers of a report: each with its 95 % interval, and the operating points of a verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import RULE_OF_THREE
from models.metrics import (
    fnmr_at,
    threshold_at_fmr,
    tmr_interval,
    tmr_nearest_fmr,
    wilson,
)

Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]
PAIRS_AT_ONCE = 2**15  # 64 MB of 512-dimensional float32 for each side


@dataclass(frozen=True, slots=True)
class Measure:
    """A share in [0, 1] by its name, with the 95 % interval where one is known."""

    name: str
    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """TMR where at most `fmr` of impostors match, its 95 % bootstrap interval and threshold.

    `tmr_nearest` is the value of the published scripts: at the reachable rate nearest to `fmr`,
    which may exceed it.
    """

    fmr: float
    tmr: float
    lower: float
    upper: float
    threshold: float
    tmr_nearest: float

    def measures(self) -> list[Measure]:
        own = Measure(f"tmr_at_fmr_{self.fmr:g}", self.tmr, self.lower, self.upper)
        near = Measure(f"tmr_nearest_fmr_{self.fmr:g}", self.tmr_nearest, self.lower, self.upper)
        return [own, near]


def proportion(name: str, right: int, trials: int) -> Measure:
    """A share of independent trials with its Wilson interval."""
    return Measure(name, right / trials, *wilson(right, trials))


def supported(rates: Sequence[float], trials: int) -> list[float]:
    """The rates that `trials` comparisons can speak of: at least 3 / rate of them."""
    return [rate for rate in rates if trials * rate >= RULE_OF_THREE - 1e-9]


def operating_points(
    genuine: NDArray[np.floating], impostor: NDArray[np.floating], fmrs: Sequence[float]
) -> list[OperatingPoint]:
    """One point for each rate the number of impostor comparisons supports, in the order given."""
    rates = supported(fmrs, len(impostor))
    intervals = tmr_interval(genuine, impostor, rates)
    cuts = [threshold_at_fmr(impostor, rate) for rate in rates]
    return [
        OperatingPoint(
            fmr=rate,
            tmr=1 - fnmr_at(genuine, cut),
            lower=lower,
            upper=upper,
            threshold=cut,
            tmr_nearest=tmr_nearest_fmr(genuine, impostor, rate),
        )
        for rate, cut, (lower, upper) in zip(rates, cuts, intervals, strict=True)
    ]


def similarities(vectors: Vectors, first: Indices, second: Indices) -> NDArray[np.float32]:
    """Cosines of the listed pairs of unit rows, (P,), a block of pairs at a time."""
    scores = np.empty(len(first), np.float32)
    for start in range(0, len(first), PAIRS_AT_ONCE):
        rows = slice(start, start + PAIRS_AT_ONCE)
        scores[rows] = np.einsum("pd,pd->p", vectors[first[rows]], vectors[second[rows]])
    return scores
