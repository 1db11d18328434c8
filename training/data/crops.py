"""Aligned face crops with identities, gathered from folders of people and from labelled scenes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.alignment import CROP_SIZE, align

UNKNOWN = -1  # the label of a face whose identity nobody recorded
# Between the eyes, in pixels of the source: below it a crop is mostly interpolation.
SMALLEST_EYE_DISTANCE = 12.0

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Crops:
    """`images` (n, 112, 112, 3) uint8 RGB and `labels` (n,) int64, UNKNOWN where unlabelled."""

    images: Image
    labels: NDArray[np.int64]

    @property
    def identities(self) -> int:
        return int(self.labels.max()) + 1

    def __len__(self) -> int:
        return len(self.labels)


def read(path: Path) -> Image | None:
    """The RGB image in `path`, or None where it cannot be decoded."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image[:, :, ::-1], dtype=np.uint8)


def from_folder(root: Path) -> Iterator[tuple[Image, str]]:
    """Crops that are aligned already: `root/<identity>/*.jpg`, 112x112."""
    for path in sorted(root.glob("*/*.jpg")):
        crop = read(path)
        if crop is not None and crop.shape == (CROP_SIZE, CROP_SIZE, 3):
            yield crop, path.parent.name


def from_photographs(root: Path, detector: Path) -> Iterator[tuple[Image, str]]:
    """Photographs `root/<identity>/*.jpg`: their most central face, found by a YuNet model."""
    finder = cv2.FaceDetectorYN.create(str(detector), "", (0, 0), 0.6)
    for path in sorted(root.glob("*/*.jpg")):
        image = read(path)
        if image is None:
            continue
        finder.setInputSize((image.shape[1], image.shape[0]))
        faces = finder.detect(image[:, :, ::-1])[1]
        if faces is not None:
            found = np.asarray(faces, dtype=np.float32)
            yield align(image, _most_central(found, image)), path.parent.name


def _most_central(faces: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
    middle = np.array([image.shape[1], image.shape[0]]) / 2
    centers = faces[:, :2] + faces[:, 2:4] / 2
    chosen = faces[np.abs(centers - middle).sum(axis=1).argmin()]
    return np.asarray(chosen[4:14].reshape(5, 2), dtype=np.float32)


def from_scenes(root: Path, index: Path) -> Iterator[tuple[Image, None]]:
    """Every large enough face of `scenes.json`, cut by its recorded landmarks; no identity."""
    for name, scene in json.loads(index.read_text()).items():
        large = [
            points
            for face in scene["faces"]
            if np.linalg.norm(np.subtract(*(points := np.array(face["landmarks"]))[:2]))
            >= SMALLEST_EYE_DISTANCE
        ]
        image = read(root / name) if large else None
        if image is not None:
            yield from ((align(image, points), None) for points in large)


def gather(*sources: Iterator[tuple[Image, str | None]]) -> Crops:
    """All crops of the sources; identities are numbered in order of first sight."""
    images: list[Image] = []
    labels: list[int] = []
    numbers: dict[str, int] = {}
    for source in sources:
        for crop, identity in source:
            images.append(crop)
            labels.append(
                UNKNOWN if identity is None else numbers.setdefault(identity, len(numbers))
            )
    return Crops(np.stack(images), np.array(labels, dtype=np.int64))
