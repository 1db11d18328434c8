"""From image bytes to embedded faces: locate (decode -> detect -> align), then embed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from models.components import Components
from models.quality import WORKING_FMR, QualityCalibration
from service import tracing
from service.batching import SOON, Batcher, Urgency
from service.detection import Detection
from service.errors import NoFaceFound, ServiceError, SeveralFacesFound
from service.scenes import Crop, Located, Locator, Photograph, Scene, Selection, Times
from service.telemetry import observe, read

__all__ = ["Crop", "FaceFeatures", "Pipeline", "Quality", "Reading", "Selection", "Urgency"]

log = logging.getLogger("service")
IN_FLIGHT = 8  # images of one call: enough to keep the cores busy, few enough to stop at once
Embedded = tuple[NDArray[np.float32], float]  # (d,) unit embedding, and the feature's norm
Graded = tuple[NDArray[np.float32], float, float | None]  # and the quality score, 0 to 100


@dataclass(frozen=True, slots=True)
class Quality:
    """`score` 0 to 100 from the feature `norm`, and the measures a person can act on.

    An uncalibrated bundle gives no score.
    """

    score: float | None
    norm: float
    components: Components
    predicted_fnmr: float | None = None  # 0 to 1: of comparisons with such a face, where known

    def below(self, least: float) -> bool:
        """Whether the score is known and too low."""
        return self.score is not None and self.score < least


@dataclass(frozen=True, slots=True)
class FaceFeatures:
    """A face with its (d,) unit float32 embedding."""

    detection: Detection | None
    embedding: NDArray[np.float32]
    quality: Quality
    crop: Crop | None = None  # what was embedded


@dataclass(frozen=True, slots=True)
class Reading:
    """What an image holds, and the milliseconds each stage took."""

    width: int
    height: int
    faces: list[FaceFeatures]
    truncated: bool
    milliseconds: dict[str, float]

    def only(self) -> FaceFeatures:
        """The one face of the image.

        Raises NoFaceFound or SeveralFacesFound where there is not exactly one.
        """
        if not self.faces:
            raise NoFaceFound("No face was found; send a photograph with a visible face.")
        if len(self.faces) > 1 or self.truncated:
            raise SeveralFacesFound(
                f"{len(self.faces)} faces were found where one is needed; crop the image, or "
                "pass largest=true to use the largest."
            )
        return self.faces[0]


class Pipeline:
    """The stages in their order, and the queues before them. Of one event loop."""

    def __init__(
        self,
        locator: Locator,
        locate: Batcher[Photograph, Scene],
        embed: Batcher[Crop, Embedded],
        calibration: QualityCalibration | None,
        fmr: float = WORKING_FMR,
    ) -> None:
        """`fmr` is the false match rate that predicted FNMRs are for."""
        self._locator, self._locate, self._embed = locator, locate, embed
        self._calibration, self._fmr = calibration, fmr

    @property
    def ready(self) -> bool:
        """Whether both queues are open."""
        return self._locate.alive and self._embed.alive

    @property
    def queued(self) -> dict[str, dict[str, int]]:
        """Items that wait for each network, by lane."""
        return {"detector": self._locate.queued, "recognizer": self._embed.queued}

    @property
    def backlog(self) -> float:
        """The seconds that a new interactive image would wait, by the pace so far."""
        return self._locate.backlog + self._embed.backlog

    async def __call__(self, body: bytes, selection: Selection, urgency: Urgency = SOON) -> Reading:
        """Reads one JPEG, PNG or WebP.

        Raises the ImageErrors of `images.decode`, NotAligned where a crop was announced and the
        image is none, Overloaded, and DeadlineExceeded.
        """
        photograph = self._locator.admitted(body, selection)
        started = perf_counter()
        [scene] = await self._locate([photograph], urgency)
        worked = sum(scene.milliseconds.values()) / 1000
        waited = max(0.0, perf_counter() - started - worked)
        observe("queue", waited)
        times = {"queue": 1000 * waited, **scene.milliseconds}
        faces = await self._featured(scene.faces, urgency, times)
        read(face.quality.score for face in faces)
        return Reading(scene.width, scene.height, faces, scene.truncated, times)

    async def each(
        self, bodies: Sequence[bytes], selection: Selection, urgency: Urgency = SOON
    ) -> list[Reading | ServiceError]:
        """A reading of each image, in order, or the reason there is none; none spoils another.

        A few at a time, so that one call does not fill the queues.
        """
        turns = asyncio.Semaphore(IN_FLIGHT)

        async def one(body: bytes) -> Reading | ServiceError:
            async with turns:
                try:
                    return await self(body, selection, urgency)
                except ServiceError as error:
                    return error
                except Exception:
                    log.exception("one of several images failed")
                    return ServiceError("Something went wrong inside the service with this image.")

        return await asyncio.gather(*map(one, bodies))

    async def crops(self, crops: Sequence[Crop], urgency: Urgency) -> list[Graded]:
        """Embedding, norm and quality score of each crop. Raises Overloaded and DeadlineExceeded."""
        answers = await self._embed(crops, urgency) if crops else []
        return [(embedding, norm, self._score(norm)) for embedding, norm in answers]

    async def _featured(
        self, faces: Sequence[Located], urgency: Urgency, times: Times
    ) -> list[FaceFeatures]:
        if not faces:
            return []
        started = perf_counter()
        with tracing.span("embed"):
            answers = await self._embed([face.crop for face in faces], urgency)
        spent = perf_counter() - started
        times["embed"] = 1000 * spent
        observe("embed", spent)
        return [
            FaceFeatures(
                face.detection,
                embedding,
                self._quality(norm, face.components),
                face.crop,
            )
            for face, (embedding, norm) in zip(faces, answers, strict=True)
        ]

    def _quality(self, norm: float, seen: Components) -> Quality:
        score, known = self._score(norm), self._calibration
        if known is None or score is None:
            return Quality(None, norm, seen)
        return Quality(score, norm, seen, known.predicted_fnmr(score, self._fmr))

    def _score(self, norm: float) -> float | None:
        return None if self._calibration is None else self._calibration.score(norm)
