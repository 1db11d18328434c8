"""Finds faces and their five landmarks with an SCRFD-shaped detector."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from insightface.model_zoo.scrfd import SCRFD
from numpy.typing import NDArray

from models.bundle import Detector as DetectorConstants
from service.errors import BundleRefused
from service.images import Image
from service.onnx import Session

WITH_LANDMARKS = (9, 15)  # scores, boxes and landmarks at three or at five strides
STRIDE = 32  # the coarsest feature map; inputs are multiples of it
SMALLEST_INPUT = 320  # smaller photographs are padded, not enlarged


@dataclass(frozen=True, slots=True)
class Detection:
    """One face in pixels of the upright image."""

    box: NDArray[np.float32]  # (4,): x1, y1, x2, y2, inside the image
    landmarks: NDArray[np.float32]  # (5, 2): eyes, nose, mouth corners; left as seen
    score: float  # 0 to 1

    @property
    def area(self) -> float:
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


class Detector:
    """An SCRFD network and the constants its bundle gives for it. Thread-safe.

    Raises BundleRefused for a network without SCRFD's outputs, landmarks among them.
    """

    def __init__(self, session: Session, constants: DetectorConstants) -> None:
        if (outputs := len(session.get_outputs())) not in WITH_LANDMARKS:
            raise BundleRefused(
                f"The detector has {outputs} outputs; an SCRFD with landmarks has 9 or 15."
            )
        self._scrfd = SCRFD(session=session, static_shape_sessions=False)
        self._scrfd.nms_thresh = constants.nms_threshold
        self._constants = constants

    def __call__(self, image: Image, threshold: float | None = None) -> list[Detection]:
        """The faces of an (h, w, 3) RGB image, largest first.

        `threshold` in (0, 1) replaces the bundle's.
        """
        wanted = self._constants.threshold if threshold is None else threshold
        # SCRFD keeps the threshold it is called with and reads it after resizing: shared between
        # threads, one request's threshold would decide about another's faces.
        boxes, landmarks = copy(self._scrfd).detect(
            image[:, :, ::-1], input_size=self._input_size(image), det_thresh=wanted
        )
        high, wide = image.shape[:2]
        found = [
            Detection(np.clip(box[:4], 0, (wide, high, wide, high)), points, float(box[4]))
            for box, points in zip(boxes, landmarks, strict=True)
        ]
        return sorted((face for face in found if face.area > 0), key=lambda face: -face.area)

    def _input_size(self, image: Image) -> tuple[int, int]:
        """Width and height of the network's input: the image's own shape, not a square.

        Padding a 640x480 photograph to 640x640 would spend a quarter of the time on black.
        """
        high, wide = image.shape[:2]
        scale = min(self._constants.input_size, max(SMALLEST_INPUT, high, wide)) / max(high, wide)
        return _multiple(wide * scale), _multiple(high * scale)


def _multiple(length: float) -> int:
    return max(STRIDE, -(-round(length) // STRIDE) * STRIDE)
