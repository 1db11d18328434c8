"""The five-point template and the 112×112 crop every recognizer of this project sees."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

CROP_SIZE = 112
TEMPLATE_ID: Final = "arcface-112-v2"
# x, y in pixels of the crop: left eye, right eye, nose, left and right mouth corner, "left"
# being left in the image. The template of insightface's arcface_torch; AdaFace uses the same.
TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ],
    dtype=np.float64,
)


class DegenerateLandmarks(ValueError):
    """The five points coincide, so no similarity transform maps them to the template."""


def similarity(
    landmarks: NDArray[np.floating], template: NDArray[np.floating] = TEMPLATE
) -> NDArray[np.float64]:
    """Least-squares similarity transform that takes `landmarks` to `template`.

    Both are (5, 2) x, y pixels. Returns the (2, 3) matrix [[a, -b, tx], [b, a, ty]]. Written as
    one complex linear regression, `w = m z + t`, whose closed form equals Umeyama's (1991)
    when reflection is excluded.

    Raises DegenerateLandmarks when the points coincide or are not finite.
    """
    if not np.isfinite(landmarks).all():
        raise DegenerateLandmarks("The five landmarks are no finite numbers.")
    source = landmarks[:, 0].astype(np.float64) + 1j * landmarks[:, 1].astype(np.float64)
    target = template[:, 0] + 1j * template[:, 1]
    centered = source - source.mean()
    spread = float((np.abs(centered) ** 2).sum())
    if spread < 1e-6:
        raise DegenerateLandmarks("The five landmarks coincide; no face can be aligned on them.")
    turn = (centered.conj() * (target - target.mean())).sum() / spread
    shift = target.mean() - turn * source.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def density(landmarks: NDArray[np.floating]) -> float:
    """Pixels of the image per pixel of the crop, each way, that `align` cuts at (5, 2) landmarks.

    Infinity where the points coincide or are not finite: nothing is cut there.
    """
    try:
        matrix = similarity(landmarks)
    except DegenerateLandmarks:
        return math.inf
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    return 1 / scale if scale else math.inf


def align(
    image: NDArray[np.uint8], landmarks: NDArray[np.floating], size: int = CROP_SIZE
) -> NDArray[np.uint8]:
    """The aligned crop of one face.

    `image` is (h, w, 3) uint8, `landmarks` (5, 2) in its pixels; returns (size, size, 3) uint8
    in the same colour order, black where the crop leaves the image.

    Raises DegenerateLandmarks as `similarity` does.
    """
    matrix = similarity(landmarks, TEMPLATE * (size / CROP_SIZE))
    crop = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=0)
    return np.asarray(crop, dtype=np.uint8)
