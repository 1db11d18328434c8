"""Aligned crops as they are kept: without loss, so that another model sees the same pixels."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.alignment import CROP_SIZE
from service.scenes import Crop

_LOSSLESS: Final = 101  # of WebP's quality, as OpenCV has it; half the bytes of a PNG


def encode(crop: Crop) -> bytes:
    """A (112, 112, 3) uint8 RGB crop as lossless WebP."""
    done, encoded = cv2.imencode(
        ".webp", np.ascontiguousarray(crop[:, :, ::-1]), [cv2.IMWRITE_WEBP_QUALITY, _LOSSLESS]
    )
    if not done:
        raise ValueError("OpenCV cannot write WebP")
    return encoded.tobytes()


def decode(encoded: bytes) -> Crop:
    """What was encoded, to the last bit. Raises ValueError for anything else."""
    found = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
    if found is None or found.shape != (CROP_SIZE, CROP_SIZE, 3):
        raise ValueError("it is no crop")
    crop: Crop = np.ascontiguousarray(found[:, :, ::-1])
    return crop
