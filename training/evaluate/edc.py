"""Error-versus-discard of a pair set: is a quality worth discarding by?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models import discard
from models.calibration import RULE_OF_THREE
from models.components import components
from models.degradation import DEGRADATIONS
from models.metrics import threshold_at_fmr
from training.evaluate.crops import Crop
from training.evaluate.embedder import Embed
from training.evaluate.errors import EvaluationError
from training.evaluate.features import Progress, all_features
from training.evaluate.measures import similarities
from training.evaluate.pairsets import PairSet

LIMITS = (0.2, 0.3)
DISCARDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class Area:
    """Partial area to `limit` with its 95 % bootstrap interval.

    `relative` divides by the area of random discarding: 1 is worth nothing, less is better.
    """

    limit: float
    value: float
    lower: float
    upper: float
    relative: float


@dataclass(frozen=True, slots=True)
class QualityCurve:
    """FNMR after each discarded share, by one quality measure, and the areas under its curve."""

    quality: str
    fnmr: dict[str, float]
    areas: list[Area]


@dataclass(frozen=True, slots=True)
class EdcReport:
    """Genuine pairs at a fixed threshold, the one of `fmr` on the whole set (ISO/IEC 29794-1).

    A pair's quality is the smaller of its two crops'. `norm` is the model's own quality, in its
    `direction`; `sharpness` the variance of the Laplacian; `random` and `oracle` what no quality
    falls behind and none exceeds.
    """

    set: str
    genuine: int
    fmr: float
    threshold: float
    errors: int
    direction: int
    curves: list[QualityCurve]


@dataclass(frozen=True)
class Edc:
    """A report and the whole curves its plot is drawn from."""

    report: EdcReport
    curves: dict[str, discard.Curve]


def degraded(pairs: PairSet, *, seed: int = 0) -> PairSet:
    """The set with a random degradation of random level on each crop, the same at every run."""

    def worse(index: int) -> Crop:
        rng = np.random.default_rng((seed, index))
        kind = list(DEGRADATIONS)[rng.integers(len(DEGRADATIONS))]
        return DEGRADATIONS[kind](pairs.read(index), float(rng.uniform()), rng)

    return replace(pairs, name=f"{pairs.name} degraded", read=worse)


def evaluate_edc(
    embed: Embed,
    pairs: PairSet,
    progress: Progress,
    *,
    fmr: float = 1e-3,
    direction: int = 1,
) -> Edc:
    """The curves of norm and sharpness beside random and oracle.

    Raises EvaluationError where the impostor pairs cannot support `fmr`, or nothing errs.
    """
    found = all_features(embed, pairs.read, pairs.count, progress=progress)
    scores = similarities(found.embeddings, pairs.first, pairs.second)
    threshold = _threshold(scores[~pairs.same], fmr, pairs.name)
    errors = scores[pairs.same].astype(np.float64) < threshold
    if not errors.any():
        raise EvaluationError(
            f"No genuine pair of {pairs.name} errs at FMR {fmr:g}, so there is nothing to save; "
            "ask for a rarer FMR, a harder set or --degrade."
        )
    quality = {
        "norm": _pair_quality(pairs, direction * found.norms),
        "sharpness": _pair_quality(pairs, _sharpness(pairs)),
    }
    curves, drawn = _curves(errors, quality)
    report = EdcReport(
        set=pairs.name,
        genuine=len(errors),
        fmr=fmr,
        threshold=threshold,
        errors=int(errors.sum()),
        direction=direction,
        curves=curves,
    )
    return Edc(report, drawn)


def _curves(
    errors: NDArray[np.bool_], quality: dict[str, NDArray[np.floating]]
) -> tuple[list[QualityCurve], dict[str, discard.Curve]]:
    flat, count = float(errors.mean()), len(errors)
    bounds = {
        "random": discard.random_curve(flat, count),
        "oracle": discard.oracle_curve(flat, count),
    }
    drawn = {name: discard.discard_curve(errors, values) for name, values in quality.items()}
    curves = [_curve(name, errors, values) for name, values in quality.items()]
    curves += [_bound(name, curve, flat) for name, curve in bounds.items()]
    return curves, drawn | bounds


def _sharpness(pairs: PairSet) -> NDArray[np.floating]:
    return np.array([components(pairs.read(index)).sharpness for index in range(pairs.count)])


def _threshold(impostor: NDArray[np.float32], fmr: float, name: str) -> float:
    if len(impostor) * fmr < RULE_OF_THREE - 1e-9:
        raise EvaluationError(
            f"{name} has {len(impostor)} impostor pairs, too few for an FMR of {fmr:g}; ask for "
            f"--fmr {RULE_OF_THREE:g}/{len(impostor)} or more."
        )
    return threshold_at_fmr(impostor, fmr)


def _pair_quality(pairs: PairSet, quality: NDArray[np.floating]) -> NDArray[np.floating]:
    first, second = pairs.first[pairs.same], pairs.second[pairs.same]
    return np.asarray(np.minimum(quality[first], quality[second]), np.float64)


def _curve(name: str, errors: NDArray[np.bool_], quality: NDArray[np.floating]) -> QualityCurve:
    curve = discard.discard_curve(errors, quality)
    flat = float(errors.mean())
    areas = []
    for limit in LIMITS:
        value, lower, upper = discard.area_with_interval(errors, quality, limit)
        areas.append(Area(limit, value, lower, upper, value / (flat * limit)))
    return QualityCurve(name, _at_discards(curve), areas)


def _bound(name: str, curve: discard.Curve, flat: float) -> QualityCurve:
    """A bound is known exactly, so its interval is the value."""
    values = [(limit, discard.area(curve, limit)) for limit in LIMITS]
    areas = [Area(limit, value, value, value, value / (flat * limit)) for limit, value in values]
    return QualityCurve(name, _at_discards(curve), areas)


def _at_discards(curve: discard.Curve) -> dict[str, float]:
    return {f"{share:g}": discard.at(curve, share) for share in DISCARDS}
