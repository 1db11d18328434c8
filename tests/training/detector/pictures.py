"""Tiny drawn photographs with exactly known faces, so that no test needs data."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.detector.scenes import Photograph

FACE = np.asarray([30, 20, 70, 75, 42, 40, 58, 40, 50, 50, 43, 62, 57, 62], np.float32)


def drawn(seed: int = 0, width: int = 100, height: int = 96) -> Photograph:
    """An egg with two eyes, a nose and a mouth at FACE's landmarks, on a ground of the seed's color."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), rng.integers(0, 120, 3), np.uint8)
    cv2.ellipse(pixels, (50, 47), (20, 27), 0, 0, 360, (150, 180, 230), -1)
    points: NDArray[np.float32] = FACE[4:].reshape(5, 2)
    for x, y in points.astype(int).tolist():
        cv2.circle(pixels, (x, y), 3, (20, 20, 60), -1)
    return Photograph(pixels, FACE[None].copy(), np.zeros((0, 4), np.float32))
