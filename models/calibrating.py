"""Calibrates a recognizer on features of known people: by the trainer and by the service alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import witness
from models.assembly import Calibration
from models.calibration import CalibrationRefused, ScoreCalibration, calibrate_scores
from models.fnmr import ErrorCurve, fit_errors
from models.golden import Features
from models.quality import SWEPT, QualityCalibration, calibrate_quality
from models.witness import Norms

FMRS = (1e-2, 1e-3, 1e-4)


class Worse(NamedTuple):
    """What the recognizer made of the image `original`, an index, degraded to `level` by `kind`."""

    original: int
    kind: str
    level: float
    embedding: NDArray[np.float32]
    norm: float


def chosen(persons: NDArray[Any], most: int = SWEPT) -> list[int]:
    """Which images are to be made worse: first those whose person is shown by another one, too.

    Only these can be compared with a mate, and tell what a bad image costs.
    """
    _, person, counts = np.unique(persons, return_inverse=True, return_counts=True)
    mated = np.flatnonzero(counts[person] > 1)
    alone = np.flatnonzero(counts[person] == 1)
    return sorted([*_spread(mated, most), *_spread(alone, most - min(most, len(mated)))])


def _spread(images: NDArray[np.intp], most: int) -> list[int]:
    if most <= 0 or not len(images):
        return []
    return [int(index) for index in images[:: max(1, len(images) // most)][:most]]


def calibrated(  # noqa: PLR0913 - images, the same made worse, and whose they are
    found: Features,
    persons: NDArray[Any],
    worse: Sequence[Worse],
    norms: Norms,
    *,
    data: str,
    sources: NDArray[Any] | None = None,
) -> Calibration:
    """Error rates and qualities, from the features of undegraded images and of some made worse.

    `found` and `persons` are of n images, which the indices in `worse` count; `norms` asks the
    recognizer itself about a drawn face; `sources` (n,) as for `calibrate_scores`. Raises CalibrationRefused for too few people, and where
    the norm follows neither the quality of images nor the errors it should foretell.
    """
    score = calibrate_scores(found.embeddings, persons, found.norms, data=data, sources=sources)
    sweep = defaultdict(list)
    for kind, index in sorted({(each.kind, each.original) for each in worse}):
        sweep[kind, 0.0].append(float(found.norms[index]))
    for each in worse:
        sweep[each.kind, each.level].append(each.norm)
    fitted = calibrate_quality(
        found.norms, {key: np.array(values) for key, values in sweep.items()}, data=data
    )
    curves = _curves(found, persons, worse, score, fitted)
    return Calibration(
        score,
        fitted.model_copy(update={"errors": curves, "witness": witness.orders(norms, fitted)}),
    )


def _curves(
    found: Features,
    persons: NDArray[Any],
    worse: Sequence[Worse],
    score: ScoreCalibration,
    quality: QualityCalibration,
) -> tuple[ErrorCurve, ...]:
    """FNMR by quality, at each rate that stands on data."""
    similarity, least = _mated(found, persons, worse, quality)
    curves = []
    for fmr in FMRS:
        if not score.supported(fmr):
            continue
        try:
            curve = fit_errors(similarity, least, fmr=fmr, threshold=score.threshold(fmr))
        except ValueError as error:
            raise CalibrationRefused(f"FNMR does not fall with quality: {error}") from error
        if curve is not None:
            curves.append(curve)
    return tuple(curves)


def _mated(
    found: Features, persons: NDArray[Any], worse: Sequence[Worse], quality: QualityCalibration
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Similarity and smaller quality of genuine comparisons: each image with the person's next,
    as it is and made worse.
    """
    mates = _next(persons)
    scores = [quality.score(float(norm)) for norm in found.norms]
    pairs = [
        (float(found.embeddings[a] @ found.embeddings[b]), min(scores[a], scores[b]))
        for a, b in mates.items()
    ]
    for each in worse:
        if (mate := mates.get(each.original)) is not None:
            similarity = float(each.embedding @ found.embeddings[mate])
            pairs.append((similarity, min(quality.score(each.norm), scores[mate])))
    table = np.array(pairs, np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _next(persons: NDArray[Any]) -> dict[int, int]:
    """For each image of a person with several the next one, the last one's being the first."""
    images: dict[Any, list[int]] = defaultdict(list)
    for index, person in enumerate(persons.tolist()):
        images[person].append(index)
    several = [each for each in images.values() if len(each) > 1]
    return {a: b for each in several for a, b in zip(each, [*each[1:], each[0]], strict=True)}
