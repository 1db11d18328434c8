"""Gives a recognizer's numbers their meaning: thresholds for rates, quality for norms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.calibration import ScoreCalibration, fit_scores
from models.degradation import DEGRADATIONS
from models.quality import QualityCalibration, falls_with, fit_quality
from service.photographs import Degraded, Photograph, PhotographsUnusable, read
from service.pipeline import FaceFeatures, Pipeline

LEVELS = tuple(np.linspace(0.2, 1.0, 5))
FEWEST_PERSONS = 20
USELESS = 0.8  # degradation level from which a face can hardly be recognized
LEAST_CORRELATION = 0.3  # below it the norm says nothing about quality (adaface issue 6)
Progress = Callable[[int], object]
# The pipeline wants one before there is one; only the norms it passes through are used.
UNCALIBRATED = QualityCalibration(data="none", direction=1, center=0, width=1, percentiles={})


class Calibration(NamedTuple):
    score: ScoreCalibration
    quality: QualityCalibration
    failures: int  # photographs in which no face was found


async def calibrate(
    pipeline: Pipeline,
    photographs: Sequence[Photograph],
    progress: Progress,
    *,
    data: str,
    degraded: int = 200,
) -> Calibration:
    """Calibrates on photographs of people the recognizer was not trained on.

    Every pair of photographs is compared; `degraded` of them are also made worse in four ways
    to find out what norms bad images have. Raises PhotographsUnusable for too few people, and
    where the norm does not follow the quality of the image.
    """
    faces = await _faces(pipeline, photographs, progress)
    score = _scores(faces, data)
    chosen = list(faces)[:: max(1, len(faces) // degraded)][:degraded]
    quality = await _quality(pipeline, chosen, faces, progress, data)
    return Calibration(score, quality, len(photographs) - len(faces))


def count_images(photographs: int, *, degraded: int = 200) -> int:
    """How many images `calibrate` will read, for a progress bar."""
    return photographs + min(degraded, photographs) * len(DEGRADATIONS) * len(LEVELS)


async def _faces(
    pipeline: Pipeline, photographs: Sequence[Photograph], progress: Progress
) -> dict[Photograph, FaceFeatures]:
    found = {}
    async for photograph, face in read(pipeline, photographs, lambda p: p.path.read_bytes()):
        progress(1)
        if face is not None:
            found[photograph] = face
    return found


def _scores(faces: dict[Photograph, FaceFeatures], data: str) -> ScoreCalibration:
    persons = np.unique([photograph.person for photograph in faces], return_inverse=True)
    if len(persons[0]) < FEWEST_PERSONS:
        raise PhotographsUnusable(
            f"Calibration needs faces of at least {FEWEST_PERSONS} people, {len(persons[0])} were "
            "found; one folder per person."
        )
    vectors = np.stack([face.embedding for face in faces.values()])
    genuine, impostor = pairwise(vectors, persons[1])
    if not len(genuine):
        raise PhotographsUnusable("Calibration needs two photographs of at least one person.")
    return fit_scores(genuine, impostor, data=data)


def pairwise(
    vectors: NDArray[np.float32], person: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Genuine and impostor similarities of all pairs among (n, d) unit vectors, person (n,)."""
    first, second = np.triu_indices(len(vectors), k=1)
    similarities = (vectors @ vectors.T)[first, second].astype(np.float64)
    same = person[first] == person[second]
    return similarities[same], similarities[~same]


async def _quality(
    pipeline: Pipeline,
    chosen: Sequence[Photograph],
    clean: dict[Photograph, FaceFeatures],
    progress: Progress,
    data: str,
) -> QualityCalibration:
    items = [
        Degraded(p.path, kind, float(x)) for p in chosen for kind in DEGRADATIONS for x in LEVELS
    ]
    norms: dict[Degraded, float] = {
        Degraded(p.path, k, 0.0): clean[p].quality.norm for p in chosen for k in DEGRADATIONS
    }
    async for item, face in read(pipeline, items, Degraded.body):
        progress(1)
        if face is not None:
            norms[item] = face.quality.norm
    useless = np.array([norm for item, norm in norms.items() if item.level >= USELESS])
    fitted = fit_quality(
        np.array([face.quality.norm for face in clean.values()]), useless, data=data
    )
    correlations = {kind: _correlation(norms, kind, fitted) for kind in DEGRADATIONS}
    if max(correlations.values()) > -LEAST_CORRELATION:
        raise PhotographsUnusable(
            "The norm of this recognizer does not follow image quality: "
            + ", ".join(f"{kind} {value:+.2f}" for kind, value in correlations.items())
            + f" (Spearman with degradation; at most {-LEAST_CORRELATION:+.1f} is needed)."
        )
    return fitted.model_copy(update={"spearman": correlations})


def _correlation(norms: dict[Degraded, float], kind: str, fitted: QualityCalibration) -> float:
    levels, scores = zip(
        *((item.level, fitted.score(norm)) for item, norm in norms.items() if item.kind == kind),
        strict=True,
    )
    return round(falls_with(np.array(levels), np.array(scores)), 4)
