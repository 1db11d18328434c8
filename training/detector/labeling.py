"""Pseudo-labels: one teacher looks at every photograph at several scales and mirrored, and the answers are merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.progress import track

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

SCALES = (1.0, 2.5)
# YuNet localizes best between these face sizes (px, longer side of the box at the scale it was shown).
TRUSTED_SIZE = (20.0, 420.0)
LOWEST_SCORE = 0.3
# Closer looks: face sizes and shifts (px) on a square canvas with the face in its middle.
CLOSE_SIZES = (64.0, 88.0, 114.0)
CLOSE_SHIFTS = (-3.0, 4.0)
CLOSE_CANVAS = 160
FACE_SCORE = 0.6
_MIRRORED_ORDER = (1, 0, 2, 4, 3)


class Teacher:
    """YuNet behind `cv2.FaceDetectorYN`, asked at each of `SCALES`, plain and mirrored."""

    def __init__(self, weights: Path) -> None:
        self._net = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), LOWEST_SCORE, 0.4, 500)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Merged faces of a BGR picture, float32 (N, 15): x1 y1 x2 y2, five (x, y) landmarks, score."""
        looks = [
            self._look(image, scale, mirrored=flip) for scale in SCALES for flip in (False, True)
        ]
        merged = merge(np.concatenate(looks))
        sure = merged[:, 14] >= FACE_SCORE
        close = [self.refine(image, f) if s else f for f, s in zip(merged, sure, strict=True)]
        return np.asarray(close, np.float32).reshape(-1, 15)

    def _look(
        self, image: NDArray[np.uint8], scale: float, *, mirrored: bool
    ) -> NDArray[np.float32]:
        shown = image
        if scale != 1.0:
            grown = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            shown = np.asarray(grown, np.uint8)
        found = self.single(np.ascontiguousarray(shown[:, ::-1]) if mirrored else shown)
        sizes = np.max(found[:, 2:4] - found[:, 0:2], axis=1)
        found = found[(sizes > TRUSTED_SIZE[0] / 2) & (sizes < TRUSTED_SIZE[1])]
        return (mirror(found, shown.shape[1]) if mirrored else found) / _divisor(scale)

    def refine(self, image: NDArray[np.uint8], face: NDArray[np.float32]) -> NDArray[np.float32]:
        """A merged face (15,) with box and landmarks from the middle half of many closer looks.

        One look is off by 5-7 % of the eyes' distance, and moving the picture by 5 px changes
        it by as much; the mean of 12 looks at the sizes where it errs least is far steadier.
        """
        looks = [
            self._closer(image, face, size, shift, mirrored=mirrored)
            for size in CLOSE_SIZES
            for shift in CLOSE_SHIFTS
            for mirrored in (False, True)
        ]
        seen = np.asarray([look for look in looks if look is not None])
        if len(seen) < len(looks) // 2:
            return face
        quarter = len(seen) // 4
        middle = np.sort(seen[:, :14], axis=0)[quarter : len(seen) - quarter].mean(axis=0)
        return np.append(middle, face[14]).astype(np.float32)

    def _closer(
        self,
        image: NDArray[np.uint8],
        face: NDArray[np.float32],
        size: float,
        shift: float,
        *,
        mirrored: bool,
    ) -> NDArray[np.float32] | None:
        zoom = size / float(np.sqrt(np.prod(face[2:4] - face[:2])))
        move = CLOSE_CANVAS / 2 + shift - zoom * (face[:2] + face[2:4]) / 2
        matrix = np.asarray([[zoom, 0, move[0]], [0, zoom, move[1]]])
        shown = np.asarray(cv2.warpAffine(image, matrix, (CLOSE_CANVAS, CLOSE_CANVAS)), np.uint8)
        found = self.single(np.ascontiguousarray(shown[:, ::-1]) if mirrored else shown)
        found = mirror(found, CLOSE_CANVAS) if mirrored else found
        found[:, :14] = (found[:, :14] - np.tile(move, 7)) / zoom
        overlap = overlaps(face[:4], found[:, :4])
        same: NDArray[np.float32] = found[int(overlap.argmax())] if len(found) else face
        return same if len(found) and overlap.max() > 0.4 else None

    def single(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """One look at a BGR picture as it is, float32 (N, 15) like a merged answer."""
        self._net.setInputSize((image.shape[1], image.shape[0]))
        _, faces = self._net.detect(image)
        if faces is None:
            return np.zeros((0, 15), np.float32)
        faces = np.asarray(faces, np.float32).copy()
        faces[:, 2:4] += faces[:, 0:2]
        return faces


def _divisor(scale: float) -> NDArray[np.float32]:
    return np.asarray([scale] * 14 + [1.0], np.float32)


def mirror(faces: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """The same faces in the mirrored picture of `width` px: left and right eye and mouth corner trade names."""
    out = faces.copy()
    out[:, 0], out[:, 2] = width - 1 - faces[:, 2], width - 1 - faces[:, 0]
    points = faces[:, 4:14].reshape(-1, 5, 2)[:, _MIRRORED_ORDER].copy()
    points[..., 0] = width - 1 - points[..., 0]
    out[:, 4:14] = points.reshape(-1, 10)
    return out


def overlaps(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one (4,) box with (N, 4) boxes, float32 (N,)."""
    corner = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    inside = np.prod(np.clip(corner, 0, None), axis=1)
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    union = areas + np.prod(box[2:] - box[:2]) - inside
    return np.asarray(inside / np.maximum(union, 1e-6), np.float32)


def merge(looks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score-weighted mean of detections that overlap; a face seen by one look only keeps a doubtful score."""
    merged = []
    remaining = looks[np.argsort(-looks[:, 14], kind="stable")]
    while len(remaining):
        same = overlaps(remaining[0, :4], remaining[:, :4]) > 0.4
        group = remaining[same]
        face = np.average(group, axis=0, weights=group[:, 14])
        face[14] = group[0, 14] if len(group) > 1 else min(group[0, 14], FACE_SCORE - 0.01)
        merged.append(face)
        remaining = remaining[~same]
    return np.asarray(merged, np.float32).reshape(-1, 15)


def label(
    photographs: Sequence[Path], root: Path, weights: Path, out: Path
) -> dict[str, list[list[float]]]:
    """Label every photograph once and keep the answers in the JSON file `out`, keyed by path below `root`."""
    if out.exists():
        known: dict[str, list[list[float]]] = json.loads(out.read_text())
        return known
    teacher = Teacher(weights)
    labels = {
        str(path.relative_to(root)): _rows(teacher(_read(path))) for path in _tracked(photographs)
    }
    scratch = out.with_suffix(".tmp")
    scratch.write_text(json.dumps(labels))
    scratch.replace(out)
    return labels


def _tracked(photographs: Sequence[Path]) -> Iterable[Path]:
    return track(photographs, "labeling")


def _rows(faces: NDArray[np.float32]) -> list[list[float]]:
    rows: list[list[float]] = np.round(faces, 2).tolist()
    return rows


def _read(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is not a readable image")
    return np.asarray(image, np.uint8)
