"""Batches as a pure function of the step: a killed run that resumes sees exactly the pictures it would have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.detector.loss import Targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.detector.mosaic import Composer, Sample

    Floats = NDArray[np.float32]


class Shape(NamedTuple):
    """How many pictures of which side a batch holds."""

    pictures: int
    side: int


# About equal work per step; the larger pictures teach the stride-32 anchors their 512 px faces.
_CYCLE = ((32, 256), (14, 384), (8, 512), (32, 256), (14, 384), (8, 512), (32, 256), (5, 640))
SHAPES = tuple(Shape(pictures, side) for pictures, side in _CYCLE)


class Batch(NamedTuple):
    """BGR pictures, uint8 (B, H, W, 3), and their targets."""

    pixels: Tensor
    targets: Targets


class Batches(Dataset[Batch]):
    """One batch per step, composed with a random generator keyed by (seed, step, place in the batch)."""

    def __init__(
        self, composer: Composer, seed: int, steps: int, shapes: Sequence[Shape] = SHAPES
    ) -> None:
        self._composer = composer
        self._seed = seed
        self._steps = steps
        self._shapes = tuple(shapes)

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        # OpenCV's own threads would fight the trainer for its core.
        cv2.setNumThreads(0)
        shape = self._shapes[step % len(self._shapes)]
        samples = [
            self._composer(keyed(self._seed, step, place), shape.side)
            for place in range(shape.pictures)
        ]
        pixels = torch.from_numpy(np.stack([sample.pixels for sample in samples]))
        return Batch(pixels, collate(samples))


def keyed(seed: int, step: int, place: int) -> np.random.Generator:
    """A generator whose stream depends on these three numbers only."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, place, step]))


def collate(samples: Sequence[Sample]) -> Targets:
    """Labels of several pictures, padded to the longest; padding lies far outside every picture."""
    faces = [sample.faces for sample in samples]
    padded = _padded(faces, 14)
    real = (
        torch.arange(padded.shape[1])[None] < torch.tensor([len(rows) for rows in faces])[:, None]
    )
    doubtful = _padded([sample.doubtful for sample in samples], 4)
    return Targets(padded[..., :4], padded[..., 4:], real, doubtful)


def _padded(rows: Sequence[Floats], width: int) -> Tensor:
    out = np.full((len(rows), max(1, *(len(r) for r in rows)), width), -1e4, np.float32)
    for place, values in enumerate(rows):
        out[place, : len(values)] = values
    return torch.from_numpy(out)


def as_input(pixels: Tensor) -> Tensor:
    """BGR uint8 (B, H, W, 3) to the network's float32 RGB (B, 3, H, W), (x - 127.5) / 128."""
    return (pixels.permute(0, 3, 1, 2).flip(1).float() - 127.5) / 128
