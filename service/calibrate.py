"""Gives a recognizer's numbers their meaning: thresholds for rates, quality for norms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from models.assembly import Calibration
from models.calibrating import Worse, calibrated, chosen
from models.degradation import DEGRADATIONS
from models.golden import Features
from models.quality import LEVELS, SWEPT
from models.witness import Norms
from service.photographs import Degraded, Photograph, read
from service.pipeline import FaceFeatures, Pipeline

Progress = Callable[[int], object]
Faces = dict[Photograph, FaceFeatures]


async def calibrate(
    pipeline: Pipeline,
    norms: Norms,
    photographs: Sequence[Photograph],
    progress: Progress,
    *,
    data: str,
) -> Calibration:
    """Calibrates on photographs of people the recognizer was not trained on.

    Every pair of photographs is compared; some of them are also made worse in four ways to find
    out what norms bad images have and how often they fail. `norms` asks the recognizer itself.
    Raises CalibrationRefused for too few people, and where the norm does not follow the quality
    of the image.
    """
    faces = await _faces(pipeline, photographs, progress)
    persons = np.array([photograph.person for photograph in faces])
    found = Features(
        np.array([face.embedding for face in faces.values()]),
        np.array([face.quality.norm for face in faces.values()], np.float32),
    )
    worse = await _worse(pipeline, faces, chosen(persons), progress)
    return calibrated(found, persons, worse, norms, data=data)


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


async def _worse(
    pipeline: Pipeline, faces: Faces, indices: Sequence[int], progress: Progress
) -> list[Worse]:
    photographs = list(faces)
    items = [
        (index, Degraded(photographs[index].path, kind, level))
        for index in indices
        for kind in DEGRADATIONS
        for level in LEVELS
    ]
    swept = []
    async for (index, item), face in read(pipeline, items, lambda pair: pair[1].body()):
        progress(1)
        if face is not None:
            swept.append(Worse(index, item.kind, item.level, face.embedding, face.quality.norm))
    return swept
