"""Error-versus-discard: what leaving out the worst comparisons saves (ISO/IEC 29794-1:2024).

The comparison threshold is fixed on the whole set, so a curve shows what discarding buys and not
what re-tuning does (Schlett et al., arXiv 2303.13294).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]


def discard_curve(errors: NDArray[np.bool_], quality: NDArray[np.floating]) -> Curve:
    """The error rate of what is kept after discarding the 0, 1, ..., n-1 worst comparisons.

    `errors` (n,) says which comparisons err, `quality` (n,) is the smaller quality of each pair.
    Comparisons of equal quality leave in a random order; the curve is the mean over these orders,
    so a quality that is the same everywhere gives a flat line and file order never matters.
    """
    _, group, sizes = np.unique(quality, return_inverse=True, return_counts=True)
    shares = np.bincount(group, weights=errors) / sizes  # mean error of each quality, rising
    gone = np.concatenate([[0.0], np.cumsum(np.repeat(shares, sizes))])[:-1]
    left = len(errors) - np.arange(len(errors))
    return np.asarray((errors.sum() - gone) / left, dtype=np.float64).clip(0.0, 1.0)


def random_curve(error: float, comparisons: int) -> Curve:
    """Discarding without looking: the mean curve of random quality is flat."""
    return np.full(comparisons, error)


def oracle_curve(error: float, comparisons: int) -> Curve:
    """Discarding the errors first, the best any quality can do: (e - d) / (1 - d), then 0."""
    discarded = np.arange(comparisons) / comparisons
    return np.asarray(((error - discarded) / (1 - discarded)).clip(0.0), dtype=np.float64)


def at(curve: Curve, discarded: float) -> float:
    """The step function's value once `discarded`, a share in [0, 1), is gone."""
    return float(curve[_steps(curve, discarded)])


def area(curve: Curve, limit: float) -> float:
    """Partial area under the step function from 0 to `limit` discarded; smaller is better."""
    whole = _steps(curve, limit)
    rest = limit * len(curve) - whole
    return float((curve[:whole].sum() + rest * curve[min(whole, len(curve) - 1)]) / len(curve))


def _steps(curve: Curve, discarded: float) -> int:
    # A share like 0.3 of 10 is 2.9999999999999996 in floats.
    return min(int(discarded * len(curve) + 1e-9), len(curve) - 1)


class Area(NamedTuple):
    """A partial area and its 95 % bootstrap interval."""

    value: float
    lower: float
    upper: float


def area_with_interval(
    errors: NDArray[np.bool_],
    quality: NDArray[np.floating],
    limit: float,
    *,
    replicates: int = 500,
    seed: int = 0,
) -> Area:
    """`area` of the discard curve, with the interval of resampled comparisons.

    On 3,000 comparisons at 5 % there are 150 errors: without an interval a ranking of quality
    measures is noise. The threshold behind `errors` is not resampled; it is fixed by definition.
    """
    rng = np.random.default_rng(seed)
    draws = (rng.integers(0, len(errors), len(errors)) for _ in range(replicates))
    areas = [area(discard_curve(errors[drawn], quality[drawn]), limit) for drawn in draws]
    lower, upper = np.percentile(areas, [2.5, 97.5])
    return Area(area(discard_curve(errors, quality), limit), float(lower), float(upper))
