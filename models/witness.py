"""A drawn face, sharp and spoiled: a norm that is turned round gives itself away at every start.

Golden vectors prove that a recognizer answers as it did; they cannot tell whether its norm still
means quality, since whoever changes a recognizer records new ones. No photograph is needed: a
network that knows faces finds this drawing a better one than its blurred copy, and where one
does not, nothing is recorded and nothing asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.alignment import CROP_SIZE, TEMPLATE
from models.degradation import DEGRADATIONS

LEVEL = 0.8  # of every degradation: barely a face
SKIN, HAIR, LIPS, WHITE, IRIS = (
    (222, 178, 150), (60, 40, 30), (170, 80, 80), (245, 245, 245), (50, 30, 20),
)  # fmt: skip
Norms = Callable[[NDArray[np.uint8]], NDArray[np.floating]]  # (n, 112, 112, 3) RGB -> (n,)


class Scored(Protocol):
    """A quality calibration."""

    def score(self, norm: float) -> float: ...


class NormDisagrees(ValueError):
    """The norm calls the spoiled face the better one; the message has both scores."""


def faces() -> NDArray[np.uint8]:
    """(5, 112, 112, 3) uint8 RGB: the drawing as it is, then degraded in each of the four ways."""
    sharp = _drawn()
    worse = [spoil(sharp, LEVEL, np.random.default_rng(0)) for spoil in DEGRADATIONS.values()]
    return np.stack([sharp, *worse])


def orders(norms: Norms, quality: Scored) -> bool:
    """Whether the sharp drawing scores above each spoiled one."""
    sharp, worse = _scores(norms, quality)
    return sharp > worse


def check(norms: Norms, quality: Scored) -> None:
    """Raises NormDisagrees where `orders` does not hold any more."""
    sharp, worse = _scores(norms, quality)
    if sharp <= worse:
        raise NormDisagrees(
            f"The recognizer's norm does not order errors as its calibration says: a sharp face "
            f"scores {sharp:g} and a spoiled one {worse:g}. The norm's sign has changed; "
            "'adaface calibrate BUNDLE --images DIR --again' measures it anew."
        )


def _scores(norms: Norms, quality: Scored) -> tuple[float, float]:
    sharp, *worse = (quality.score(float(norm)) for norm in norms(faces()))
    return sharp, max(worse)


def _drawn() -> NDArray[np.uint8]:
    """A frontal face whose features lie on the five points of the template."""
    left, right, nose, *corners = ([round(float(v)) for v in point] for point in TEMPLATE)
    image = np.full((CROP_SIZE, CROP_SIZE, 3), (96, 110, 120), np.uint8)
    cv2.ellipse(image, (56, 52), (46, 58), 0, 0, 360, HAIR, -1)
    cv2.ellipse(image, (56, 66), (36, 48), 0, 0, 360, SKIN, -1)
    for x, y in (left, right):
        cv2.ellipse(image, (x, y), (8, 4), 0, 0, 360, WHITE, -1)
        cv2.circle(image, (x, y), 3, IRIS, -1)
        cv2.ellipse(image, (x, y - 9), (10, 3), 0, 180, 360, HAIR, 2)
    shade = (166, 133, 112)
    cv2.ellipse(image, (nose[0], nose[1]), (6, 4), 0, 0, 180, shade, 2)
    cv2.line(image, (nose[0] - 3, 56), (nose[0] - 5, nose[1]), shade, 2)
    (a, y), (b, _) = corners
    cv2.ellipse(image, ((a + b) // 2, y), ((b - a) // 2, 5), 0, 0, 360, LIPS, -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8), np.uint8)
