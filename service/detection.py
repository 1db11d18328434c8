"""Finds faces and their five landmarks with an SCRFD-shaped detector."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import product
from threading import Lock
from typing import Final

import cv2
import numpy as np
from insightface.model_zoo.scrfd import SCRFD, distance2bbox, distance2kps
from numpy.typing import NDArray

from models.bundle import Detector as DetectorConstants
from service.errors import BundleRefused
from service.images import Image
from service.onnx import Session

WITH_LANDMARKS = (9, 15)  # scores, boxes and landmarks at three or at five strides
STRIDE = 32  # the coarsest feature map; inputs are multiples of it
SMALLEST_INPUT = 320  # smaller photographs are enlarged to it
# Shorter by longer side of the inputs where each shape costs its own preparation: the photographs
# of 16:9, 3:2, 4:3, 5:4 and 1:1, with at most a few rows of padding.
RATIOS: Final = (0.6, 0.7, 0.75, 0.8, 1.0)
LENGTHS: Final = (SMALLEST_INPUT, 480)  # and the bundle's input size


@dataclass(frozen=True, slots=True)
class Detection:
    """One face in pixels of the upright image."""

    box: NDArray[np.float32]  # (4,): x1, y1, x2, y2, inside the image
    landmarks: NDArray[np.float32]  # (5, 2): eyes, nose, mouth corners; left as seen
    score: float  # 0 to 1

    @property
    def area(self) -> float:
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    def scaled(self, factor: float) -> Detection:
        """The same face in an image that is `factor` times as large."""
        by = np.float32(factor)
        return Detection(self.box * by, self.landmarks * by, self.score)


class Detector:
    """An SCRFD network and the constants its bundle gives for it. Thread-safe.

    One image a run: the graphs of SCRFD take no others. `coarse` is for accelerators, which prepare
    each shape at a cost: it allows the input few shapes, and one run at a time. Raises BundleRefused
    for a network without SCRFD's outputs, landmarks among them.
    """

    def __init__(
        self, session: Session, constants: DetectorConstants, *, coarse: bool = False
    ) -> None:
        if (outputs := len(session.get_outputs())) not in WITH_LANDMARKS:
            raise BundleRefused(
                f"The detector has {outputs} outputs; an SCRFD with landmarks has 9 or 15."
            )
        self._scrfd = _Scrfd(session=session, static_shape_sessions=False)
        self._scrfd.nms_thresh = constants.nms_threshold
        self._scrfd.turn = Lock() if coarse else nullcontext()
        self._constants = constants
        self._coarse = coarse

    @property
    def input_size(self) -> int:
        """The longer side, in pixels, to which larger photographs are reduced."""
        return self._constants.input_size

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Width and height of every input a coarse detector runs on."""
        lengths = {*LENGTHS, self.input_size}
        sides = [(long, _multiple(long * by)) for long, by in product(sorted(lengths), RATIOS)]
        return sorted({*sides, *((high, wide) for wide, high in sides)})

    def warm(self) -> None:
        """Runs once on every shape, the largest first: memory is then taken once."""
        for wide, high in sorted(self.shapes, key=lambda shape: -shape[0] * shape[1]):
            black = np.zeros((high, wide, 3), np.uint8)
            self._scrfd.detect(black, input_size=(wide, high), det_thresh=1.0)

    def __call__(self, image: Image, threshold: float | None = None) -> list[Detection]:
        """The faces of an (h, w, 3) RGB image, largest first.

        `threshold` in (0, 1) replaces the bundle's.
        """
        high, wide = image.shape[:2]
        if min(high, wide) * self.input_size < max(high, wide):  # not a row would be left of it
            return []
        wanted = self._constants.threshold if threshold is None else threshold
        boxes, landmarks = self._scrfd.detect(
            image, input_size=self._input_size(wide, high), det_thresh=wanted
        )
        inside = np.clip(boxes[:, :4], 0, np.array([wide, high, wide, high], np.float32))
        found = [
            Detection(box, points, score)
            for box, points, score in zip(inside, landmarks, boxes[:, 4].tolist(), strict=True)
        ]
        return sorted((face for face in found if face.area > 0), key=lambda face: -face.area)

    def _input_size(self, wide: int, high: int) -> tuple[int, int]:
        """Width and height of the network's input: the image's own shape, not a square.

        Padding a 640x480 photograph to 640x640 would spend a quarter of the time on black.
        """
        longest = max(wide, high)
        longer = min(self.input_size, max(SMALLEST_INPUT, longest))
        if not self._coarse:
            return _multiple(wide * longer / longest), _multiple(high * longer / longest)
        longer = min(size for size in (*LENGTHS, self.input_size) if size >= longer)
        ratio = min(wide, high) / longest
        shorter = _multiple(longer * min(each for each in RATIOS if each >= ratio))
        return (longer, shorter) if wide >= high else (shorter, longer)


def _multiple(length: float) -> int:
    return max(STRIDE, -(-round(length) // STRIDE) * STRIDE)


class _Scrfd(SCRFD):  # type: ignore[misc] # insightface is not typed
    """insightface's SCRFD with two steps of its own that give the same numbers sooner.

    It wanted the color order of whole photographs turned, most of the time spent on large ones.
    """

    turn: AbstractContextManager[object]  # held while the network runs

    def _prepare_input_blob(self, img: Image, _: tuple[int, int]) -> NDArray[np.float32]:
        """(1, 3, h, w) of (x - 127.5) / 128, exactly, from (h, w, 3) in the network's own order."""
        high, wide = img.shape[:2]
        blob = np.empty((1, 3, high, wide), np.float32)
        for n, plane in enumerate(cv2.split(img)):
            np.multiply(plane, np.float32(1 / 128), out=blob[0, n])
        blob -= np.float32(127.5 / 128)
        return blob

    def forward(self, img: Image, threshold: float) -> tuple[list[NDArray[np.float32]], ...]:
        """Scores, boxes and landmarks per stride, decoded only where a score reaches `threshold`."""
        blob = self._prepare_input_blob(img, img.shape[1::-1])
        with self.turn:
            outputs = self.session.run(self.output_names, {self.input_name: blob})
        if self.batched:
            outputs = [each[0] for each in outputs]
        strides = self._feat_stride_fpn
        levels = [
            self._decoded(outputs[n :: len(strides)], stride, img.shape[1] // stride, threshold)
            for n, stride in enumerate(strides)
        ]
        return tuple(list(part) for part in zip(*levels, strict=True))

    def _decoded(
        self, level: list[NDArray[np.float32]], stride: int, wide: int, threshold: float
    ) -> tuple[NDArray[np.float32], ...]:
        scores, boxes, points = level
        at = np.flatnonzero(scores >= threshold)
        rows, columns = np.divmod(at // self._num_anchors, wide)
        centers = np.stack((columns, rows), axis=-1).astype(np.float32) * np.float32(stride)
        boxes = distance2bbox(centers, boxes[at] * stride)
        points = distance2kps(centers, points[at] * stride)
        return scores[at], boxes, points.reshape(-1, 5, 2)
