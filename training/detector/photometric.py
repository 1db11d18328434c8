"""Changes of light, lens and compression that leave every landmark where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Floats = NDArray[np.float32]

_GRAIN = np.random.default_rng(0).standard_normal((1024, 1024)).astype(np.float32)


def degrade(rng: np.random.Generator, pixels: Image) -> Image:
    """A BGR picture under a random mixture of color, blur, noise and JPEG."""
    pixels = recolor(rng, pixels)
    if rng.random() < 0.12:
        pixels = _gray(pixels)
    if rng.random() < 0.2:
        pixels = _blur(rng, pixels)
    if rng.random() < 0.2:
        pixels = _noise(rng, pixels)
    if rng.random() < 0.25:
        pixels = _jpeg(rng, pixels)
    return pixels


def _gray(pixels: Image) -> Image:
    gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)


def recolor(rng: np.random.Generator, pixels: Image) -> Image:
    """Gamma, contrast, brightness and a color cast in one table look-up per channel."""
    ramp = np.linspace(0, 1, 256)
    gamma, contrast = np.exp(rng.normal(0, 0.25)), np.exp(rng.normal(0, 0.25))
    cast = np.exp(rng.normal(0, 0.08, 3)) if rng.random() < 0.7 else np.ones(3)
    curve = (ramp**gamma - 0.5) * contrast + 0.5 + rng.normal(0, 0.1)
    table = np.clip(curve[:, None] * cast * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, table[None]), np.uint8)


def _blur(rng: np.random.Generator, pixels: Image) -> Image:
    if rng.random() < 0.6:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.4, 2.0))), np.uint8)
    length = int(rng.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = np.asarray([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = (length - 1) / 2 - reach, (length - 1) / 2 + reach
    cv2.line(kernel, start.round().astype(int).tolist(), end.round().astype(int).tolist(), 1.0, 1)
    return np.asarray(cv2.filter2D(pixels, -1, kernel / max(kernel.sum(), 1.0)), np.uint8)


def _noise(rng: np.random.Generator, pixels: Image) -> Image:
    height, width = pixels.shape[:2]
    top, left = (
        rng.integers(0, _GRAIN.shape[0] - height + 1),
        rng.integers(0, _GRAIN.shape[1] - width + 1),
    )
    grain = _GRAIN[top : top + height, left : left + width]
    return np.clip(pixels + (grain * rng.uniform(2, 18))[..., None], 0, 255).astype(np.uint8)


def _jpeg(rng: np.random.Generator, pixels: Image) -> Image:
    _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def occlude(rng: np.random.Generator, pixels: Image, face: Floats) -> None:
    """Hide, in place, a strip of one labeled face (14 values): its lower part, its eyes, or one side."""
    x1, y1, x2, y2 = face[:4]
    width, height = x2 - x1, y2 - y1
    eyes = face[[5, 7]].mean()
    strips = (
        (x1, y2 - height * rng.uniform(0.2, 0.45), x2, y2),
        (x1, eyes - height * 0.1, x2, eyes + height * 0.08),
        (x1, y1, x1 + width * rng.uniform(0.15, 0.35), y2),
        (x2 - width * rng.uniform(0.15, 0.35), y1, x2, y2),
        (x1, y1, x2, y1 + height * rng.uniform(0.1, 0.25)),
    )
    strip = np.clip(strips[int(rng.integers(len(strips)))], 0, 4096).astype(int)
    region = pixels[strip[1] : strip[3], strip[0] : strip[2]]
    if region.size:
        shade = rng.integers(0, 256, 3)
        region[:] = shade if rng.random() < 0.6 else (region * 0.3 + shade * 0.7).astype(np.uint8)
