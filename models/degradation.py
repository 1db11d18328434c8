"""Four ways in which photographs go bad, each on a level from 0 (untouched) to 1 (barely a face).

The same four are the quality gate's axes: blur, down-scaling, noise, JPEG. Levels are set for
faces of about 112 pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Degradation = Callable[[Image, float, np.random.Generator], Image]
INTERPOLATIONS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC)


def blur(image: Image, level: float, rng: np.random.Generator) -> Image:
    """Gaussian blur, sigma up to 5 pixels."""
    del rng
    sigma = 5.0 * level
    return image if sigma < 0.1 else _bytes(cv2.GaussianBlur(image, (0, 0), sigma))


def low_resolution(image: Image, level: float, rng: np.random.Generator) -> Image:
    """Down to a tenth of the side (geometric in the level) and up again, by random kernels."""
    height, width = image.shape[:2]
    ratio = 10.0**-level
    small = (max(4, round(width * ratio)), max(4, round(height * ratio)))
    down, up = (INTERPOLATIONS[i] for i in rng.integers(0, len(INTERPOLATIONS), 2))
    shrunk = cv2.resize(image, small, interpolation=down)
    return _bytes(cv2.resize(shrunk, (width, height), interpolation=max(up, cv2.INTER_LINEAR)))


def noise(image: Image, level: float, rng: np.random.Generator) -> Image:
    """Additive Gaussian noise, sigma up to 60 grey levels."""
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    return _bytes(np.clip(image + 60.0 * level * grain, 0, 255))


def jpeg(image: Image, level: float, rng: np.random.Generator) -> Image:
    """JPEG coding, quality from 95 down to 3, geometric: from 95 to 50 hardly anything is seen."""
    del rng
    quality = round(95 * (3 / 95) ** level)
    coded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return _bytes(cv2.imdecode(coded, cv2.IMREAD_COLOR))


DEGRADATIONS: dict[str, Degradation] = {
    "blur": blur,
    "low_resolution": low_resolution,
    "noise": noise,
    "jpeg": jpeg,
}


def _bytes(image: object) -> Image:
    return np.asarray(image, dtype=np.uint8)
