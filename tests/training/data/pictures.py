"""Pictures and sources that tests are made of."""

from __future__ import annotations

import cv2
import numpy as np

from training.data.source import CorruptRecord, Example, Image


def picture(number: int) -> Image:
    """(112, 112, 3) uint8 RGB, another one for every number, smooth enough to survive a JPEG."""
    rough = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(cv2.resize(rough, (112, 112), interpolation=cv2.INTER_LINEAR), np.uint8)


def encoded(image: Image, kind: str = ".png") -> bytes:
    """The RGB picture as a file."""
    return bytes(cv2.imencode(kind, image[:, :, ::-1])[1])


class Numbered:
    """A source of `size` tiny-to-make pictures; those in `corrupt` cannot be read.

    Picture n is its number in every pixel, so what a batch holds can be read off it.
    """

    def __init__(self, size: int, classes: int = 10, corrupt: frozenset[int] = frozenset()) -> None:
        self.size, self.classes, self.corrupt = size, classes, corrupt
        self.fingerprint = "0" * 64

    def __len__(self) -> int:
        return self.size

    def read(self, index: int) -> Example:
        if index in self.corrupt:
            raise CorruptRecord(f"Picture {index} is torn.")
        return Example(np.full((112, 112, 3), index, np.uint8), index % self.classes)
