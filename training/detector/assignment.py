"""Which anchors answer for which face: those of its size, near its center."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from training.detector.network import ANCHOR_SIZES

SCALE_REACH = (
    0.7  # octaves between a face's size and an anchor's, up to which the anchor may answer for it
)
SCALE_DOUBT = 1.2  # and up to which it is not asked to stay silent
NEAR = 0.2  # a positive anchor's center lies within this part of the face's size from the face's center
REACH = (0.51, 1.5)  # ... but never less or more than so many strides; 0.51 always holds one cell
DOUBT = 0.75  # further strides in which an anchor is not asked to stay silent
FAR = 1e6


class Anchors(NamedTuple):
    """Centers (A, 2), strides (A,) and sizes (A,), all in pixels."""

    centers: Tensor
    strides: Tensor
    sizes: Tensor


class Assignment(NamedTuple):
    """For B images of A anchors each."""

    face: Tensor  # (B, A) int64: the face's index in its image, -1 for none
    counted: Tensor  # (B, A) bool: False where neither answer is asked for


def face_sizes(boxes: Tensor) -> Tensor:
    """Geometric mean of width and height of (..., 4) corner boxes."""
    return (
        ((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])).clamp(min=1e-6).sqrt()
    )


def assign(anchors: Anchors, boxes: Tensor, real: Tensor, ignored: Tensor) -> Assignment:
    """Match anchors with faces, (B, G, 4) corner boxes of which `real` (B, G) are no padding.

    `ignored` (B, M, 4) are regions that may or may not hold faces: anchors inside are not counted.
    """
    offset, octaves = _distances(anchors, boxes, real)
    strides = anchors.strides[None, :, None]
    reach = (face_sizes(boxes)[:, None] * NEAR).clamp(strides * REACH[0], strides * REACH[1])
    positive = (offset <= reach) & (octaves <= SCALE_REACH)
    doubtful = (offset <= reach + DOUBT * strides) & (octaves <= SCALE_DOUBT)
    cost = torch.where(positive, offset / strides + octaves, FAR)
    face = _cheapest(cost, _nearest(offset / strides + 4 * octaves, real))
    counted = (face >= 0) | ~(doubtful.any(-1) | _inside(anchors, ignored))
    return Assignment(face, counted)


def _distances(anchors: Anchors, boxes: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Center offset in pixels (larger axis) and size ratio in octaves, each (B, A, G)."""
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    offset = (anchors.centers[None, :, None] - middle[:, None]).abs().amax(-1)
    sizes = face_sizes(boxes).clamp(ANCHOR_SIZES[0][0], ANCHOR_SIZES[-1][-1])
    octaves = (anchors.sizes[None, :, None] / sizes[:, None]).log2().abs()
    return torch.where(real[:, None], offset, FAR), octaves


def _nearest(distance: Tensor, real: Tensor) -> Tensor:
    """(B, A, G) bool: each face's single nearest anchor, so that no face goes unanswered."""
    nearest = torch.zeros_like(distance, dtype=torch.bool)
    nearest.scatter_(1, distance.argmin(1, keepdim=True), value=True)
    return nearest & real[:, None]


def _cheapest(cost: Tensor, nearest: Tensor) -> Tensor:
    cost = torch.where(nearest, cost.clamp(max=FAR / 2) - FAR, cost)
    if cost.shape[2] == 0:
        return torch.full(cost.shape[:2], -1)
    lowest, face = cost.min(-1)
    return torch.where(lowest < FAR / 2, face, -1)


def _inside(anchors: Anchors, regions: Tensor) -> Tensor:
    """(B, A) bool: anchors whose center lies in a region and which are no more than four times its size."""
    center = anchors.centers[None, :, None]
    inside = ((center >= regions[:, None, :, :2]) & (center <= regions[:, None, :, 2:])).all(-1)
    comparable = anchors.sizes[None, :, None] <= 4 * face_sizes(regions)[:, None]
    return (inside & comparable).any(-1)
