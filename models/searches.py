"""Whether a search of N persons errs as N independent comparisons would: counted, not assumed.

Comparisons of one probe are not independent (some faces are like many), and a template of several
photographs is more alike to strangers than one photograph is. Both are measured on the people a
bundle is calibrated on, and only ever make a threshold stricter.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

SIZES = (10, 30, 100, 300, 1000, 3000, 10_000)
ASKED = 1e-2  # the FPIR at which it is counted
MOST_OF_THEM = 0.85  # a gallery of nearly everybody is one gallery, however often it is drawn
FEWEST_EXPECTED = 3.0  # false positives, below which a ratio of counts says nothing
MOST = 10.0


class SearchCheck(BaseModel):
    """What `strangers` found in galleries of `persons`, at the threshold for `fpir`.

    `factor` says as how many persons each one counts: 1 where `observed` is at most `fpir`.
    """

    model_config = ConfigDict(frozen=True)

    persons: int = Field(ge=1)
    strangers: int = Field(ge=1)
    fpir: float = Field(gt=0, lt=1)
    observed: float = Field(ge=0, le=1)
    factor: float = Field(ge=1, le=MOST)


class Thresholds(Protocol):
    """What is checked: a calibration that takes comparisons for independent."""

    def threshold_for_search(self, fpir: float, persons: int) -> tuple[float, float]: ...


def comparisons(checks: tuple[SearchCheck, ...], persons: int) -> float:
    """As how many independent comparisons a search of `persons` counts, at least `persons`.

    Linear in the logarithms between the checked sizes, never falling, and beyond them with the
    factor of the nearest.
    """
    if not checks:
        return float(max(1, persons))
    sizes = np.log([check.persons for check in checks])
    counts = np.maximum.accumulate(sizes + np.log([check.factor for check in checks]))
    size = float(np.log(max(1, persons)))
    inside = float(np.clip(size, sizes[0], sizes[-1]))
    return float(np.exp(np.interp(inside, sizes, counts) + size - inside))


def check_searches(
    vectors: NDArray[np.float32],
    persons: NDArray[np.integer],
    norms: NDArray[np.floating],
    scores: Thresholds,
) -> tuple[SearchCheck, ...]:
    """Every image searches galleries of the other people's templates, at all sizes that fit.

    `vectors` (n, d) unit rows, `persons` (n,) numbers from 0, `norms` (n,). The rate is the exact
    mean over all galleries of a size: with k of M strangers above the threshold, a gallery of N
    drawn from them has none with probability C(M-k, N) / C(M, N).
    """
    templates = fused(vectors, persons, norms)
    others = len(templates) - 1
    sizes = [n for n in SIZES if n <= MOST_OF_THEM * others]
    if len(vectors) * ASKED < FEWEST_EXPECTED or not sizes:
        return ()
    cuts = np.array([scores.threshold_for_search(ASKED, size)[0] for size in sizes])
    reached = _reached(vectors, persons, templates, cuts)
    return tuple(
        _check(size, alarm_rate(counts, others, size), len(vectors))
        for size, counts in zip(sizes, reached.T, strict=True)
    )


def fused(
    vectors: NDArray[np.float32], persons: NDArray[np.integer], norms: NDArray[np.floating]
) -> NDArray[np.float32]:
    """(persons, d) unit templates: the sum of norm times unit vector of each person's images."""
    sums = np.zeros((int(persons.max()) + 1, vectors.shape[1]))
    np.add.at(sums, persons, vectors * np.abs(norms)[:, None])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, 1e-12), np.float32)


def alarm_rate(above: NDArray[np.integer], others: int, size: int) -> float:
    """The chance that a random gallery of `size` of `others` holds one of the `above` (n,)."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, others + 1)))])
    left = others - above
    rest = np.maximum(left - size, 0)
    none = logs[left] - logs[rest] - logs[others] + logs[others - size]
    return float(np.where(left >= size, -np.expm1(none), 1.0).mean())


def _reached(
    vectors: NDArray[np.float32],
    persons: NDArray[np.integer],
    templates: NDArray[np.float32],
    cuts: NDArray[np.float64],
) -> NDArray[np.int64]:
    """(n, cuts) how many strangers' templates each image reaches."""
    counts = []
    for start in range(0, len(vectors), 256):
        rows = slice(start, start + 256)
        similarity = vectors[rows] @ templates.T
        similarity[np.arange(len(similarity)), persons[rows]] = -2.0
        counts.append(np.stack([(similarity >= cut).sum(axis=1) for cut in cuts], axis=1))
    return np.concatenate(counts)


def _check(size: int, observed: float, strangers: int) -> SearchCheck:
    ratio = np.log1p(-min(observed, 1 - 1e-9)) / np.log1p(-ASKED)
    return SearchCheck(
        persons=size,
        strangers=strangers,
        fpir=ASKED,
        observed=round(observed, 6),
        factor=round(float(np.clip(ratio, 1.0, MOST)), 4),
    )
