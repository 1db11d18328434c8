"""From image bytes to faces: decode -> detect -> align -> embed. The one place the order is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.alignment import CROP_SIZE, DegenerateLandmarks, align
from models.quality import Components, QualityCalibration, components
from service.batching import Batcher
from service.detection import Detection, Detector
from service.errors import NoFaceFound, NotAligned, SeveralFacesFound
from service.images import Image, Limits, decode, pixels
from service.telemetry import PixelBudget, observe

T = TypeVar("T")
Crop = NDArray[np.uint8]  # (112, 112, 3) RGB


@dataclass(frozen=True, slots=True)
class Selection:
    """Which faces of an image are wanted."""

    max_faces: int
    largest: bool = False
    aligned: bool = False  # the image is a 112x112 crop already
    threshold: float | None = None  # detection score; None is the bundle's

    @property
    def limit(self) -> int:
        return 1 if self.largest else self.max_faces


@dataclass(frozen=True, slots=True)
class Located:
    """A face that was found and cut out; `detection` is None for a crop that came aligned."""

    crop: Crop
    detection: Detection | None
    components: Components


@dataclass(frozen=True, slots=True)
class Quality:
    """`score` 0 to 100 from the feature `norm`, and the measures a person can act on.

    An uncalibrated bundle gives no score.
    """

    score: float | None
    norm: float
    components: Components

    def below(self, least: float) -> bool:
        """Whether the score is known and too low."""
        return self.score is not None and self.score < least


@dataclass(frozen=True, slots=True)
class FaceFeatures:
    """A face with its (d,) unit float32 embedding."""

    detection: Detection | None
    embedding: NDArray[np.float32]
    quality: Quality


@dataclass(frozen=True, slots=True)
class Scene:
    """An image's size and the faces cut out of it. `truncated`: more were found than wanted."""

    width: int
    height: int
    faces: list[Located]
    truncated: bool


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
    """The stages and the threads they run on. The full image is dropped once crops are cut."""

    def __init__(  # noqa: PLR0913 - the parts it joins
        self,
        detector: Detector,
        embed: Batcher[Crop, tuple[NDArray[np.float32], float]],
        calibration: QualityCalibration | None,
        limits: Limits,
        budget: PixelBudget,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._detector, self._embed, self._calibration = detector, embed, calibration
        self._limits, self._budget, self._pool = limits, budget, pool

    @property
    def ready(self) -> bool:
        """Whether the thread that embeds is still there to answer."""
        return self._embed.alive

    async def __call__(self, body: bytes, selection: Selection) -> Reading:
        """Reads one JPEG, PNG or WebP.

        Raises the ImageErrors of `images.decode`, NotAligned where a crop was announced and the
        image is none, and Overloaded.
        """
        times: dict[str, float] = {}
        async with self._budget.holding(pixels(body)):
            image = await self._timed(times, "decode", decode, body, self._limits)
            locate = _as_crop if selection.aligned else self._locate
            scene = await self._timed(times, "detect", locate, image, selection)
            del image
        faces = await self._featured(scene.faces, times)
        return Reading(scene.width, scene.height, faces, scene.truncated, times)

    def _locate(self, image: Image, selection: Selection) -> Scene:
        found = self._detector(image, selection.threshold)
        faces = [cut for face in found[: selection.limit] if (cut := _cut(image, face))]
        height, width = image.shape[:2]
        # Choosing the largest is a wish, not a loss: only a cut-off at max_faces is reported.
        truncated = not selection.largest and len(found) > selection.limit
        return Scene(width, height, faces, truncated)

    async def _featured(
        self, faces: Sequence[Located], times: dict[str, float]
    ) -> list[FaceFeatures]:
        started = perf_counter()
        answers = await self._embed([face.crop for face in faces]) if faces else []
        qualities = [
            Quality(self._score(norm), norm, face.components)
            for face, (_, norm) in zip(faces, answers, strict=True)
        ]
        _note(times, "embed", started)
        return [
            FaceFeatures(face.detection, embedding, quality)
            for face, (embedding, _), quality in zip(faces, answers, qualities, strict=True)
        ]

    def _score(self, norm: float) -> float | None:
        return None if self._calibration is None else self._calibration.score(norm)

    async def _timed(
        self, times: dict[str, float], stage: str, work: Callable[..., T], *args: object
    ) -> T:
        started = perf_counter()
        result = await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        _note(times, stage, started)
        return result


def _note(times: dict[str, float], stage: str, started: float) -> None:
    seconds = perf_counter() - started
    times[stage] = 1000 * seconds
    observe(stage, seconds)


def _as_crop(image: Image, selection: Selection) -> Scene:
    del selection
    if image.shape[:2] != (CROP_SIZE, CROP_SIZE):
        raise NotAligned(
            f"An aligned crop is {CROP_SIZE}x{CROP_SIZE} pixels, this image is "
            f"{image.shape[1]}x{image.shape[0]}; leave aligned=true out to have the face found."
        )
    return Scene(CROP_SIZE, CROP_SIZE, [Located(image, None, components(image))], truncated=False)


def _cut(image: Image, face: Detection) -> Located | None:
    try:
        crop = align(image, face.landmarks)
    except DegenerateLandmarks:  # a detection whose points coincide is no face
        return None
    return Located(crop, face, components(crop, face.landmarks))
