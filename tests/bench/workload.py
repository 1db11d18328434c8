"""The photographs that are sent, written where every process of the benchmark can read them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import PIL.Image

from models.alignment import align
from service.images import Limits, decode
from tests import images, photographs

# Eyes, nose and mouth corners of the group's faces.
LANDMARKS = (
    ((489, 322), (541, 330), (507, 357), (484, 376), (527, 384)),
    ((907, 115), (955, 112), (920, 143), (918, 170), (957, 166)),
    ((83, 321), (130, 310), (113, 343), (101, 369), (142, 359)),
    ((291, 200), (335, 197), (314, 224), (299, 245), (337, 241)),
    ((1149, 322), (1194, 322), (1167, 348), (1154, 368), (1192, 367)),
    ((762, 401), (806, 402), (775, 426), (764, 443), (801, 444)),
)


class Photograph(NamedTuple):
    """A file, how many faces it shows, and what a reader should know it as."""

    path: Path
    faces: int
    description: str


class Workload(NamedTuple):
    """`crops` are the aligned faces of `group`."""

    portrait: Photograph
    group: Photograph
    phone: Photograph
    crops: list[Path]


def write(directory: Path) -> Workload:
    """Writes the photographs into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    return Workload(
        _file(directory, "portrait", photographs.portrait(), 1, "640 × 480 JPEG, one face"),
        _file(directory, "group", photographs.group(), 6, "1280 × 886 JPEG, six faces"),
        _file(directory, "phone", phone(), 1, "4000 × 3000 JPEG stored on its side, one face"),
        _crops(directory),
    )


def phone() -> bytes:
    """The portrait as a 12-megapixel camera turned on its side stores it, with a sensor's noise.

    Without the noise the file would be a third of the usual size, and its decoding as fast.
    """
    picture = decode(photographs.portrait(), Limits())
    large = cv2.resize(np.rot90(picture), (3000, 4000), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 4, large.shape)
    stored = PIL.Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    stored.save(buffer, "JPEG", quality=88, exif=images.exif(6))
    return buffer.getvalue()


def _file(directory: Path, name: str, body: bytes, faces: int, description: str) -> Photograph:
    path = directory / f"{name}.jpg"
    path.write_bytes(body)
    return Photograph(path, faces, description)


def _crops(directory: Path) -> list[Path]:
    """The faces of the group, cut out where the starter's detector found them, to the pixel."""
    picture = decode(photographs.group(), Limits())
    paths = []
    for number, landmarks in enumerate(LANDMARKS):
        path = directory / f"crop-{number}.png"
        path.write_bytes(images.png(align(picture, np.array(landmarks, np.float32))))
        paths.append(path)
    return paths
