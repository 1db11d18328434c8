"""Error versus discard (ISO/IEC 29794-1:2024) of the norm beside what else could judge an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.discard import area, at, discard_curve, oracle_curve, random_curve
from service.evaluate.sample import Faces

LIMIT = 0.2
FMR = 1e-3
REPLICATES = 300
SHARES = tuple(float(share) for share in np.linspace(0, 0.6, 25))
MEASURES = ("norm", "sharpness", "size")
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class DiscardCurve:
    """FNMR after discarding `SHARES`, and the partial area to 20 % with its interval by person.

    `relative` is the area over that of random discarding: 1 is worth nothing. `above_norm`
    is the interval of this area minus the norm's: above 0, the norm is better.
    """

    measure: str
    fnmr: list[float]
    area: float
    lower: float
    upper: float
    relative: float
    above_norm: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Discarding:
    """Genuine pairs of degraded photographs, at the bundle's threshold for FMR 1e-3."""

    pairs: int
    errors: int
    threshold: float
    limit: float
    shares: list[float]
    curves: list[DiscardCurve]


def evaluate_discarding(
    worse: Faces, threshold: float, direction: int, *, replicates: int = REPLICATES
) -> Discarding | None:
    """None where no genuine pair fails: then there is nothing to save."""
    first, second = worse.pairs()
    similarity = np.einsum("nd,nd->n", worse.embedding[first], worse.embedding[second])
    errors = similarity.astype(np.float64) < threshold
    if not errors.any():
        return None
    quality = {
        "norm": direction * worse.norm,
        "sharpness": worse.sharpness,
        "size": np.nan_to_num(worse.size),
    }
    least = {name: np.minimum(value[first], value[second]) for name, value in quality.items()}
    draws = _draws(worse.person[first], replicates)
    areas = {
        name: np.array([area(discard_curve(errors[d], value[d]), LIMIT) for d in draws])
        for name, value in least.items()
    }
    flat = np.array([errors[d].mean() * LIMIT for d in draws])
    curves = [
        _curve(name, discard_curve(errors, least[name]), areas[name], areas["norm"], errors)
        for name in MEASURES
    ]
    rate, count = float(errors.mean()), len(errors)
    ideal = np.array([area(oracle_curve(errors[d].mean(), count), LIMIT) for d in draws])
    curves.append(_curve("random", random_curve(rate, count), flat, areas["norm"], errors))
    curves.append(_curve("oracle", oracle_curve(rate, count), ideal, areas["norm"], errors))
    return Discarding(
        pairs=count,
        errors=int(errors.sum()),
        threshold=round(threshold, 5),
        limit=LIMIT,
        shares=[round(share, 4) for share in SHARES],
        curves=curves,
    )


def _draws(person: NDArray[np.int64], replicates: int) -> list[Index]:
    """Indices of the pairs of people who are drawn with replacement."""
    rng, order = np.random.default_rng(0), np.argsort(person, kind="stable")
    blocks = np.split(order, np.flatnonzero(np.diff(person[order])) + 1)
    drawn = [rng.integers(0, len(blocks), len(blocks)) for _ in range(replicates)]
    return [np.concatenate([blocks[person] for person in people]) for people in drawn]


def _curve(
    name: str,
    curve: NDArray[np.float64],
    areas: NDArray[np.float64],
    norms: NDArray[np.float64],
    errors: NDArray[np.bool_],
) -> DiscardCurve:
    lower, upper = np.percentile(areas, [2.5, 97.5])
    less, more = np.percentile(areas - norms, [2.5, 97.5])
    value = area(curve, LIMIT)
    return DiscardCurve(
        measure=name,
        fnmr=[round(at(curve, share), 5) for share in SHARES],
        area=round(value, 6),
        lower=round(float(lower), 6),
        upper=round(float(upper), 6),
        relative=round(value / (float(errors.mean()) * LIMIT), 4),
        above_norm=None if name == "norm" else (round(float(less), 6), round(float(more), 6)),
    )
