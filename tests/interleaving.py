"""Requests with different options, sent at once, and whether each is answered as it is alone."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image

from service.batching import LANES, Urgency
from service.errors import ServiceError
from service.pipeline import Pipeline, Reading, Selection
from tests import photographs
from tests.images import jpeg


class Asked(NamedTuple):
    """One request to the pipeline."""

    image: int  # among `bodies()`
    selection: Selection
    urgency: Urgency


def bodies() -> list[bytes]:
    """Small pictures, for they must be many: faces from none to six, a crop, and damaged ones."""
    group = PIL.Image.open(io.BytesIO(photographs.group())).convert("RGB")
    portrait = PIL.Image.open(io.BytesIO(photographs.portrait())).convert("RGB")
    return [
        jpeg(group.resize((640, 443))),
        jpeg(portrait.resize((320, 240))),
        jpeg(portrait.resize((240, 180)).rotate(15)),
        jpeg(PIL.Image.new("RGB", (200, 160), (90, 120, 150))),
        photographs.crop(),
        photographs.crop(2),
        jpeg(portrait)[:4000],
        b"not an image",
    ]


def requests(count: int, seed: int) -> list[Asked]:
    """`count` requests with options drawn at random."""
    random = np.random.default_rng(seed)
    # The large picture is rare, or it would take all the time there is.
    images = random.choice(8, count, p=[0.04, 0.16, 0.16, 0.16, 0.16, 0.16, 0.08, 0.08])
    return [
        Asked(
            int(image),
            Selection(
                max_faces=int(random.integers(1, 8)),
                largest=bool(random.random() < 0.3),
                aligned=bool(random.random() < (0.9 if image in {4, 5} else 0.05)),
                threshold=(None, 0.3, 0.5, 0.9)[random.integers(4)],
            ),
            Urgency(LANES[random.integers(2)]),
        )
        for image in images
    ]


async def answers(
    pipeline: Pipeline, asked: Sequence[Asked], *, at_once: int
) -> list[tuple[object, ...]]:
    """What each request is answered, to the last bit, `at_once` of them being in progress."""
    images, turns = bodies(), asyncio.Semaphore(at_once)

    async def one(request: Asked) -> tuple[object, ...]:
        async with turns:
            try:
                reading = await pipeline(images[request.image], request.selection, request.urgency)
            except ServiceError as error:
                return type(error).__name__, str(error)
        return _bits(reading)

    return await asyncio.gather(*map(one, asked))


def _bits(reading: Reading) -> tuple[object, ...]:
    faces = [
        (
            face.detection and (face.detection.box.tobytes(), face.detection.landmarks.tobytes()),
            face.detection and face.detection.score,
            face.embedding.tobytes(),
            face.quality.norm,
            face.quality.score,
            face.quality.components,
        )
        for face in reading.faces
    ]
    return reading.width, reading.height, reading.truncated, tuple(faces)
