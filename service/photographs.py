"""Folders of photographs of known people, read through the pipeline that also serves requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from models.degradation import DEGRADATIONS
from service.errors import ImageError, NoFaceFound
from service.pipeline import FaceFeatures, Pipeline, Reading, Selection

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
IN_FLIGHT = 8  # enough to keep the cores busy, few enough to stop at once
T = TypeVar("T")
EVERY_FACE = Selection(max_faces=20)


class PhotographsUnusable(ValueError):
    """The folder or the list is not what was expected; the message says where."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A file that shows `person`."""

    person: str
    path: Path


def folder(root: Path) -> list[Photograph]:
    """The photographs under `root`, one folder per person: `root/person/anything.jpg`.

    Raises PhotographsUnusable where there is none.
    """
    found = [
        Photograph(path.parent.name, path)
        for path in sorted(root.glob("*/*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise PhotographsUnusable(
            f"{root} holds no photographs; it needs one folder per person with JPEG, PNG or "
            "WebP files in it."
        )
    return found


def subject(reading: Reading) -> FaceFeatures:
    """The face a portrait is about: large and near the middle, as LFW labels it.

    Area minus twice the squared distance from the middle, the convention of insightface's
    `FaceAnalysis`. Raises NoFaceFound.
    """
    if not reading.faces:
        raise NoFaceFound("No face was found.")
    middle = np.array([reading.width, reading.height]) / 2

    def merit(face: FaceFeatures) -> float:
        seen = face.detection
        if seen is None:
            return 0.0
        away = (seen.box[:2] + seen.box[2:]) / 2 - middle
        return seen.area - 2.0 * float(away @ away)

    return max(reading.faces, key=merit)


class Degraded(NamedTuple):
    """A photograph after `kind` was done to its pixels at `level` 0 to 1; `seed` draws the noise."""

    path: Path
    kind: str
    level: float
    seed: int = 0

    def body(self) -> bytes:
        """The image as PNG, empty where the file is none.

        Stored without loss: a second compression would be a second degradation.
        """
        stored = np.fromfile(self.path, np.uint8)
        image = cv2.imdecode(stored, cv2.IMREAD_COLOR) if stored.size else None
        if image is None:
            return b""
        rng = np.random.default_rng(self.seed)
        worse = DEGRADATIONS[self.kind](np.asarray(image, np.uint8), self.level, rng)
        return cv2.imencode(".png", worse, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def degraded_mix(paths: Sequence[Path]) -> list[Degraded]:
    """A random degradation at a random level for each, the same at every run."""
    random = np.random.default_rng(0)
    kinds = list(DEGRADATIONS)
    return [
        Degraded(path, kinds[random.integers(len(kinds))], float(random.uniform()), seed=1 + n)
        for n, path in enumerate(paths)
    ]


async def read(
    pipeline: Pipeline, items: Iterable[T], body: Callable[[T], bytes]
) -> AsyncIterator[tuple[T, FaceFeatures | None]]:
    """Each item with the face its image is about, None where none is found or it is no image.

    `body` makes an item's image bytes, in a thread. In order, a few at a time.
    """

    async def one(item: T) -> FaceFeatures | None:
        image = await asyncio.to_thread(body, item)
        try:
            return subject(await pipeline(image, EVERY_FACE))
        except (ImageError, NoFaceFound):
            return None

    for some in _batches(items):
        for item, face in zip(some, await asyncio.gather(*map(one, some)), strict=True):
            yield item, face


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, IN_FLIGHT)):
        yield some
