"""Aligned crops from files and bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.alignment import CROP_SIZE
from training.evaluate.errors import EvaluationError

Crop = NDArray[np.uint8]  # (112, 112, 3) RGB
Read = Callable[[int], Crop]  # the i-th crop of a set
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def decode(encoded: bytes, name: str) -> NDArray[np.uint8]:
    """An encoded image as (h, w, 3) uint8 RGB; EvaluationError names `name` where it is none."""
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
    if image is None:
        raise EvaluationError(f"{name} cannot be decoded as an image.")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def decode_crop(encoded: bytes, name: str) -> Crop:
    """An encoded aligned crop; EvaluationError where it is none or not 112×112 pixels."""
    image = decode(encoded, name)
    if image.shape[:2] != (CROP_SIZE, CROP_SIZE):
        height, width = image.shape[:2]
        raise EvaluationError(
            f"{name} is {width}×{height} pixels; this protocol takes aligned "
            f"{CROP_SIZE}×{CROP_SIZE} crops."
        )
    return image


def read_image(path: Path) -> NDArray[np.uint8]:
    """An image file as (h, w, 3) uint8 RGB; EvaluationError names the path."""
    return decode(_bytes(path), str(path))


def read_crop(path: Path) -> Crop:
    """An aligned crop from a file; EvaluationError names the path."""
    return decode_crop(_bytes(path), str(path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error


def listed(folder: Path) -> list[Path]:
    """The images directly in or anywhere below `folder`, sorted by path."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
