"""Pictures without faces: procedural textures and shapes, background crops, and photographs whose faces are covered."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from training.detector.scenes import Photograph

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

T = TypeVar("T")
NO_FACES = np.zeros((0, 14), np.float32)
NO_REGIONS = np.zeros((0, 4), np.float32)
_SIDE = 288
_WORDS = ("Aa", "Bg8", "OO", "oo", "@", "8", "0 0", "(..)", ":-)", "EXIT", "R5", "42", "&", "QO")


def empty(pixels: Image) -> Photograph:
    """A picture known to hold no face."""
    return Photograph(pixels, NO_FACES, NO_REGIONS)


def procedural(rng: np.random.Generator) -> Photograph:
    """A made picture of 288 x 288: noise, gradients, blobs, stripes, text, or one over another."""
    pixels = _pick(rng, _GROUNDS)(rng)
    for _ in range(int(rng.integers(0, 3))):
        pixels = _pick(rng, _FIGURES)(rng, pixels)
    return empty(pixels)


def _pick(rng: np.random.Generator, options: tuple[T, ...]) -> T:
    return options[int(rng.integers(len(options)))]


def _color(rng: np.random.Generator) -> tuple[int, int, int]:
    """A BGR color, in half of all cases one of skin."""
    if rng.random() < 0.5:
        red = rng.integers(90, 256)
        return int(red * rng.uniform(0.45, 0.8)), int(red * rng.uniform(0.6, 0.88)), int(red)
    blue, green, red = rng.integers(0, 256, 3)
    return int(blue), int(green), int(red)


def _clouds(rng: np.random.Generator) -> Image:
    """Noise at several scales, like foliage, fur or cloth."""
    total = np.zeros((_SIDE, _SIDE, 3), np.float32)
    roughness = rng.uniform(0.4, 1.1)
    for cells in (4, 9, 18, 36, 72, 144):
        grain = rng.standard_normal((cells, cells, 1 if rng.random() < 0.7 else 3)).astype(
            np.float32
        )
        grown = cv2.resize(grain, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
        total += grown.reshape(_SIDE, _SIDE, -1) * np.float32((4 / cells) ** roughness)
    return _bytes(total * rng.uniform(20, 60) + np.asarray(_color(rng), np.float32))


def _gradient(rng: np.random.Generator) -> Image:
    y, x = np.mgrid[0:1:288j, 0:1:288j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)[..., None]
    return _bytes(
        ramp * np.asarray(_color(rng), np.float32)
        + (1 - ramp) * np.asarray(_color(rng), np.float32)
    )


def _stripes(rng: np.random.Generator) -> Image:
    y, x = np.mgrid[0:288, 0:288].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 60)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period))
    if rng.random() < 0.4:
        wave = wave * np.sin((y * np.cos(angle) - x * np.sin(angle)) * (2 * np.pi / period))
    ramp = (wave[..., None] + 1) / 2
    return _bytes(
        ramp * np.asarray(_color(rng), np.float32)
        + (1 - ramp) * np.asarray(_color(rng), np.float32)
    )


def _blobs(rng: np.random.Generator, pixels: Image) -> Image:
    """Filled and hollow ellipses, often of skin color, some with a lit side or a few dark spots: coins, cups, fruit."""
    for _ in range(int(rng.integers(1, 7))):
        center = (int(rng.integers(0, _SIDE)), int(rng.integers(0, _SIDE)))
        axes = (int(rng.integers(8, 110)), int(rng.integers(8, 110)))
        thickness = -1 if rng.random() < 0.75 else int(rng.integers(1, 8))
        cv2.ellipse(
            pixels,
            center,
            axes,
            float(rng.uniform(0, 180)),
            0,
            360,
            _color(rng),
            thickness,
            cv2.LINE_AA,
        )
        if rng.random() < 0.5:
            _spots(rng, pixels, center, min(axes))
    blur = int(rng.integers(0, 4)) * 2 + 1
    return np.asarray(cv2.GaussianBlur(pixels, (blur, blur), 0), np.uint8)


def _spots(rng: np.random.Generator, pixels: Image, center: tuple[int, int], radius: int) -> None:
    """One, two or many spots at places where a face has no such set of features."""
    for _ in range(int(rng.choice([1, 2, 5]))):
        x, y = center + rng.uniform(-0.7, 0.7, 2) * radius
        cv2.circle(
            pixels,
            (int(x), int(y)),
            max(1, int(radius * rng.uniform(0.04, 0.3))),
            _color(rng),
            -1,
            cv2.LINE_AA,
        )


def _text(rng: np.random.Generator, pixels: Image) -> Image:
    for _ in range(int(rng.integers(1, 6))):
        place = (int(rng.integers(-20, _SIDE)), int(rng.integers(0, _SIDE)))
        size, weight = float(rng.uniform(0.4, 5)), int(rng.integers(1, 8))
        font = int(rng.integers(0, 8))
        cv2.putText(pixels, _pick(rng, _WORDS), place, font, size, _color(rng), weight, cv2.LINE_AA)
    return pixels


def _boxes(rng: np.random.Generator, pixels: Image) -> Image:
    for _ in range(int(rng.integers(2, 14))):
        x, y, width, height = rng.integers(0, _SIDE, 4)
        corner = (int(x + width // 2), int(y + height // 2))
        cv2.rectangle(
            pixels, (int(x), int(y)), corner, _color(rng), -1 if rng.random() < 0.7 else 3
        )
    return pixels


def _bytes(values: NDArray[np.float32]) -> Image:
    return np.clip(values, 0, 255).astype(np.uint8)


_GROUNDS: tuple[Callable[[np.random.Generator], Image], ...] = (
    _clouds,
    _clouds,
    _gradient,
    _stripes,
)
_FIGURES: tuple[Callable[[np.random.Generator, Image], Image], ...] = (
    _blobs,
    _blobs,
    _text,
    _boxes,
)


def background(rng: np.random.Generator, scene: Photograph) -> Photograph | None:
    """The largest of a few random crops that touches nothing marked as a face; None where there is none."""
    width, height = scene.size
    best = (0, 0, 0, 0)
    for _ in range(8):
        x1, x2 = np.sort(rng.integers(0, width + 1, 2))
        y1, y2 = np.sort(rng.integers(0, height + 1, 2))
        if (x2 - x1) * (y2 - y1) > (best[2] - best[0]) * (best[3] - best[1]) and not _touches(
            scene, x1, y1, x2, y2
        ):
            best = (int(x1), int(y1), int(x2), int(y2))
    if min(best[2] - best[0], best[3] - best[1]) < 32:
        return None
    return empty(scene.pixels[best[1] : best[3], best[0] : best[2]])


def _touches(scene: Photograph, x1: int, y1: int, x2: int, y2: int) -> bool:
    marked = scene.marked
    margin = 0.1 * (marked[:, 2:] - marked[:, :2])
    low, high = marked[:, :2] - margin, marked[:, 2:] + margin
    return bool(((low < [x2, y2]) & (high > [x1, y1])).all(axis=1).any())


def covered(rng: np.random.Generator, scene: Photograph, cover: Image) -> Photograph:
    """The scene with part of `cover` over every marked face: hair, shoulders and hands stay, the face goes."""
    pixels = scene.pixels.copy()
    for box in scene.marked:
        _cover(rng, pixels, box, cover)
    return empty(pixels)


def _cover(rng: np.random.Generator, pixels: Image, box: NDArray[np.float32], cover: Image) -> None:
    margin = (box[2:] - box[:2]) * rng.uniform(0.02, 0.2)
    limits = [pixels.shape[1], pixels.shape[0]]
    low = np.clip(box[:2] - margin, 0, limits).astype(int)
    high = np.clip(box[2:] + margin, 0, limits).astype(int)
    width, height = high - low
    if min(width, height) < 2:
        return
    patch = cv2.resize(cover, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    mask = np.zeros((height, width, 1), np.float32)
    if rng.random() < 0.5:
        cv2.ellipse(
            mask,
            (int(width // 2), int(height // 2)),
            (int(width // 2), int(height // 2)),
            0,
            0,
            360,
            1,
            -1,
        )
    else:
        mask[:] = 1
    hidden = pixels[low[1] : high[1], low[0] : high[0]]
    hidden[:] = _bytes(hidden * (1 - mask) + patch.reshape(height, width, 3) * mask)
