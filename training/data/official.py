"""The augmentation of the AdaFace paper, as its released trainer does it but drawn per sample.

Three operations with probability 0.2 each, in this order, then a horizontal flip with 0.5. One
difference is meant: the gray of contrast and saturation is the luma of RGB. The released code
handed BGR arrays to Pillow as if they were RGB, so red and blue had each other's weight.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from models.alignment import CROP_SIZE
from training.data.source import Image

CHANCE = 0.2
INTERPOLATIONS = (
    cv2.INTER_NEAREST,
    cv2.INTER_LINEAR,
    cv2.INTER_AREA,
    cv2.INTER_CUBIC,
    cv2.INTER_LANCZOS4,
)
# Of 65,536: ITU-R 601-2 as Pillow rounds it. Sums stay below 2^24, so float32 is exact; NumPy
# multiplies matrices of whole numbers ten times slower.
LUMA = np.array([19595, 38470, 7471], np.float32)


def official(image: Image, rng: np.random.Generator) -> Image:
    """A random view of a (112, 112, 3) uint8 RGB crop; the input, unchanged, where nothing is drawn."""
    if rng.random() < CHANCE:
        image = cropped(image, rng)
    if rng.random() < CHANCE:
        image = low_resolution(image, rng)
    if rng.random() < CHANCE:
        image = photometric(image, rng)
    if rng.random() < 0.5:
        image = np.asarray(cv2.flip(image, 1), np.uint8)
    return image


def cropped(image: Image, rng: np.random.Generator) -> Image:
    """A random part of the picture at its own place on black: nothing is moved or resized.

    A fifth to all of the area, sides in a ratio of 3:4 to 4:3, both as torchvision's
    RandomResizedCrop draws them.
    """
    top, left, height, width = _part(rng)
    canvas = np.zeros_like(image)
    rows, columns = slice(top, top + height), slice(left, left + width)
    canvas[rows, columns] = image[rows, columns]
    return canvas


def _part(rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, left, height and width; the whole picture where ten draws do not fit into it."""
    for _ in range(10):
        area = CROP_SIZE**2 * rng.uniform(0.2, 1.0)
        ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= CROP_SIZE and 0 < height <= CROP_SIZE:
            top = int(rng.integers(CROP_SIZE - height + 1))
            return top, int(rng.integers(CROP_SIZE - width + 1)), height, width
    return 0, 0, CROP_SIZE, CROP_SIZE


def low_resolution(image: Image, rng: np.random.Generator) -> Image:
    """Down to a side of 0.2 to 1 times 112 and up again, each way by any of five kernels."""
    side = int(rng.uniform(0.2, 1.0) * CROP_SIZE)
    down, up = (INTERPOLATIONS[i] for i in rng.integers(len(INTERPOLATIONS), size=2))
    small = cv2.resize(image, (side, side), interpolation=down)
    return np.asarray(cv2.resize(small, (CROP_SIZE, CROP_SIZE), interpolation=up), np.uint8)


def photometric(image: Image, rng: np.random.Generator) -> Image:
    """Brightness, contrast and saturation by 0.5 to 1.5 each, in random order (no hue)."""
    for change in rng.permutation(3):
        factor = rng.uniform(0.5, 1.5)
        image = (brightness, contrast, saturation)[change](image, factor)
    return image


def brightness(image: Image, factor: float) -> Image:
    return _blended(np.zeros(1, np.uint8), image, factor)


def contrast(image: Image, factor: float) -> Image:
    """Away from, or towards, the picture's mean gray."""
    mean = int(_gray(image).mean() + 0.5)
    return _blended(np.full(1, mean, np.uint8), image, factor)


def saturation(image: Image, factor: float) -> Image:
    return _blended(_gray(image)[:, :, None], image, factor)


def _gray(image: Image) -> Image:
    return np.asarray((image.astype(np.float32) @ LUMA + 0x8000) / 0x10000, np.uint8)


def _blended(base: Image, image: Image, factor: float) -> Image:
    """`base + factor (image - base)`, clipped and cut to whole numbers as Pillow cuts it."""
    start = base.astype(np.float32)
    mixed = start + np.float32(factor) * (image - start)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)
