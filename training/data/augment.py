"""What a crop goes through before the student sees it; every draw is keyed, none depends on order."""

from __future__ import annotations

import cv2
import numpy as np

from models.degradation import DEGRADATIONS
from training.data.source import Image, View

MIDDLE = (55.5, 55.5)
SHARES = [0.4 if name == "jpeg" else 0.2 for name in DEGRADATIONS]


def augment(image: Image, rng: np.random.Generator) -> View:
    """A random view of a (112, 112, 3) crop: flip, small affine, colour, occlusion, degradation.

    Mostly degraded first and moved after, as a bad photograph is aligned after it was taken:
    JPEG blocks off the crop's grid and resampled noise look different from fresh ones.
    """
    if rng.random() < 0.5:
        image = image[:, ::-1]
    image = _recolored(np.ascontiguousarray(image), rng)
    if rng.random() < 0.1:
        image = _occluded(image, rng)
    if rng.random() < 0.7:
        view = _degraded(image, rng)
        return View(_moved(view.image, rng), view.severity)
    return _degraded(_moved(image, rng), rng)


def _moved(image: Image, rng: np.random.Generator) -> Image:
    """The jitter of imperfect landmarks, and now and then of bad ones."""
    reach = 2.5 if rng.random() < 0.2 else 1.0
    angle, zoom, *shift = rng.normal(0, (3.0 * reach, 0.03 * reach, 1.2 * reach, 1.2 * reach))
    matrix = cv2.getRotationMatrix2D(MIDDLE, angle, float(np.exp(zoom)))
    matrix[:, 2] += shift
    return np.asarray(cv2.warpAffine(image, matrix, (112, 112)), dtype=np.uint8)


def _recolored(image: Image, rng: np.random.Generator) -> Image:
    if rng.random() < 0.5:
        gain, lift = rng.uniform(0.6, 1.4), rng.uniform(-30, 30)
        tint = rng.uniform(0.9, 1.1, 3)
        mean = image.mean()
        changed = (image - mean) * (gain * tint) + mean + lift
        image = np.clip(changed, 0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    return image


def _occluded(image: Image, rng: np.random.Generator) -> Image:
    height, width = rng.integers(15, 50, 2)
    top, left = rng.integers(0, 112 - height), rng.integers(0, 112 - width)
    image = image.copy()
    image[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return image


def _degraded(image: Image, rng: np.random.Generator) -> View:
    """None, one or two degradations, JPEG most often; their levels lean to the mild end."""
    count = rng.choice((0, 1, 2), p=(0.35, 0.45, 0.2))
    kept = 1.0
    for name in rng.choice(list(DEGRADATIONS), count, replace=False, p=SHARES):
        level = float(rng.random() ** 1.5)
        image = (_compressed if name == "jpeg" else DEGRADATIONS[name])(image, level, rng)
        kept *= 1 - level
    return View(image, 1 - kept)


def _compressed(image: Image, level: float, rng: np.random.Generator) -> Image:
    """JPEG at the size the face had in some photograph: blocks 4 to 10 pixels wide in the crop.

    With blocks of 8 only, the student's norm hardly saw the compression of whole photographs.
    """
    side = round(112 * np.exp(rng.uniform(np.log(0.8), np.log(2.0))))
    scaled = np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    coded = DEGRADATIONS["jpeg"](scaled, level, rng)
    return np.asarray(cv2.resize(coded, (112, 112), interpolation=cv2.INTER_LINEAR), np.uint8)
