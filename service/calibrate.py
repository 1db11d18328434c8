"""Gives a recognizer's numbers their meaning: thresholds for rates, quality for norms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from models.assembly import Calibration
from models.calibration import calibrate_scores
from models.degradation import DEGRADATIONS
from models.quality import LEVELS, SWEPT, QualityCalibration, calibrate_quality
from service.photographs import Degraded, Photograph, read
from service.pipeline import FaceFeatures, Pipeline

Progress = Callable[[int], object]
Faces = dict[Photograph, FaceFeatures]


async def calibrate(
    pipeline: Pipeline, photographs: Sequence[Photograph], progress: Progress, *, data: str
) -> Calibration:
    """Calibrates on photographs of people the recognizer was not trained on.

    Every pair of photographs is compared; some of them are also made worse in four ways to find
    out what norms bad images have. Raises CalibrationRefused for too few people, and where the
    norm does not follow the quality of the image.
    """
    faces = await _faces(pipeline, photographs, progress)
    persons = np.array([photograph.person for photograph in faces])
    vectors = np.array([face.embedding for face in faces.values()])
    score = calibrate_scores(vectors, persons, data=data)
    return Calibration(score, await _quality(pipeline, faces, progress, data))


def count_images(photographs: int) -> int:
    """How many images `calibrate` will read, for a progress bar."""
    return photographs + min(SWEPT, photographs) * len(DEGRADATIONS) * len(LEVELS)


async def _faces(
    pipeline: Pipeline, photographs: Sequence[Photograph], progress: Progress
) -> Faces:
    found = {}
    async for photograph, face in read(pipeline, photographs, lambda p: p.path.read_bytes()):
        progress(1)
        if face is not None:
            found[photograph] = face
    return found


async def _quality(
    pipeline: Pipeline, faces: Faces, progress: Progress, data: str
) -> QualityCalibration:
    chosen = list(faces)[:: max(1, len(faces) // SWEPT)][:SWEPT]
    items = [Degraded(p.path, kind, x) for p in chosen for kind in DEGRADATIONS for x in LEVELS]
    untouched = [faces[photograph].quality.norm for photograph in chosen]
    norms = defaultdict(list, {(kind, 0.0): list(untouched) for kind in DEGRADATIONS})
    async for item, face in read(pipeline, items, Degraded.body):
        progress(1)
        if face is not None:
            norms[item.kind, item.level].append(face.quality.norm)
    clean = np.array([face.quality.norm for face in faces.values()])
    sweep = {key: np.array(found) for key, found in norms.items()}
    return calibrate_quality(clean, sweep, data=data)
