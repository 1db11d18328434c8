"""Photographs in memory with their labeled faces, split into those to train on and those held out."""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from training.detector.labeling import FACE_SCORE, label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Floats = NDArray[np.float32]

HELD_OUT_EVERY = 25


@dataclass(frozen=True, slots=True)
class Photograph:
    """A BGR picture, uint8 (H, W, 3), and what its labels say."""

    pixels: Image
    faces: Floats  # (N, 14): x1 y1 x2 y2 and five landmarks
    doubtful: Floats  # (M, 4): regions that may or may not be faces

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def marked(self) -> Floats:
        """Boxes (N + M, 4) of everything that may be a face."""
        return np.concatenate([self.faces[:, :4], self.doubtful])


@dataclass(frozen=True, slots=True)
class Scenes:
    """Photographs with faces, and photographs known to hold none."""

    train: list[Photograph]
    held_out: list[Photograph]
    empty: list[Photograph]


def photograph(pixels: Image, rows: Floats) -> Photograph:
    """Split label rows (N, 15) by their score into faces and doubtful regions."""
    sure = rows[:, 14] >= FACE_SCORE
    return Photograph(pixels, rows[sure, :14], rows[~sure, :4])


def read(path: Path) -> Image:
    """A BGR picture; the file must be a readable image."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"{path} is not a readable image")
    return np.asarray(pixels, np.uint8)


def load(data: Path, labels: Path) -> Scenes:
    """Read `scenes/` and `lfw_train/` below `data`, labeling them first if `labels` does not exist yet."""
    paths = sorted((data / "scenes").glob("*.jpg")) + sorted((data / "lfw_train").rglob("*.jpg"))
    known = label(paths, data, data / "teachers" / "detector.onnx", labels)
    scenes = Scenes([], [], _faceless())
    for name, rows in known.items():
        seen = photograph(read(data / name), np.asarray(rows, np.float32).reshape(-1, 15))
        held_out = zlib.crc32(name.encode()) % HELD_OUT_EVERY == 0
        (scenes.held_out if held_out else scenes.train).append(seen)
    return scenes


def _faceless() -> list[Photograph]:
    """scikit-learn's two sample photographs, a temple and a flower, where the package is installed."""
    if importlib.util.find_spec("sklearn") is None:
        return []
    images = importlib.import_module("sklearn.datasets").load_sample_images().images
    none = np.zeros((0, 15), np.float32)
    return [photograph(np.ascontiguousarray(rgb[:, :, ::-1]), none) for rgb in images]
