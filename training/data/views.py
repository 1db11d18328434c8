"""The augmentations a recipe can name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.data.augment import augment
from training.data.official import official
from training.data.source import Image, View

Augmentation = Callable[[Image, np.random.Generator], View]


def published(image: Image, rng: np.random.Generator) -> View:
    """The paper's; it does not tell how much worse a picture became."""
    return View(official(image, rng), 0.0)


def mirrored(image: Image, rng: np.random.Generator) -> View:
    """The picture or, as often, its mirror image."""
    return View(np.ascontiguousarray(image[:, ::-1]) if rng.random() < 0.5 else image, 0.0)


AUGMENTATIONS: dict[str, Augmentation | None] = {
    "official": published,
    "degraded": augment,
    "flip": mirrored,
    "none": None,
}
