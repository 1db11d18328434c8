"""Quality focal loss for scores, DIoU for boxes, wing loss for landmarks."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from training.detector.assignment import Anchors, Assignment, assign, face_sizes
from training.detector.network import Predictions

BOX_WEIGHT = 2.0
LANDMARK_WEIGHT = 8.0
WING = 0.1  # of the face's size: errors below it are weighed logarithmically
WING_CURVE = 0.02
READABLE = 32.0  # px: below this size the labels' landmarks are worth less


class Targets(NamedTuple):
    """Faces of B images, padded to G faces and M doubtful regions per image; pixels."""

    boxes: Tensor  # (B, G, 4)
    landmarks: Tensor  # (B, G, 10)
    real: Tensor  # (B, G) bool: False for padding
    ignored: Tensor  # (B, M, 4)


class Losses(NamedTuple):
    """Weighted terms, scalars; their sum is what training descends."""

    score: Tensor
    box: Tensor
    landmark: Tensor


def distance_iou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and distance-IoU of paired (N, 4) corner boxes (Zheng et al., 2020, equation 7)."""
    inside = (
        (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2]))
        .clamp(min=0)
        .prod(-1)
    )
    area_a = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(-1)
    area_b = (b[:, 2:] - b[:, :2]).clamp(min=0).prod(-1)
    iou = inside / (area_a + area_b - inside).clamp(min=1e-6)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    apart = ((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2).square().sum(-1)
    return iou, iou - apart / hull.square().sum(-1).clamp(min=1e-6)


def wing(error: Tensor) -> Tensor:
    """Wing loss (Feng et al., 2018, equation 5) of errors in face sizes: steep where errors are small."""
    size = error.abs()
    offset = WING - WING * math.log(1 + WING / WING_CURVE)
    return torch.where(size < WING, WING * torch.log1p(size / WING_CURVE), size - offset)


def quality_focal(logits: Tensor, quality: Tensor) -> Tensor:
    """Cross entropy to a soft target in [0, 1], weighed by the squared distance to it (Li et al., 2020, equation 4)."""
    entropy = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    return (logits.detach().sigmoid() - quality).square() * entropy


def detector_loss(predictions: Predictions, anchors: Anchors, targets: Targets) -> Losses:
    """Loss per positive anchor, summed over a batch."""
    match = assign(anchors, targets.boxes, targets.real, targets.ignored)
    image, anchor = torch.nonzero(match.face >= 0, as_tuple=True)
    face = match.face[image, anchor]
    center, stride = anchors.centers[anchor], anchors.strides[anchor, None]
    boxes = decode_boxes(center, predictions.boxes[image, anchor] * stride)
    iou, diou = distance_iou(boxes, targets.boxes[image, face])
    size = face_sizes(targets.boxes[image, face])
    points = center.repeat(1, 5) + predictions.landmarks[image, anchor] * stride
    errors = (points - targets.landmarks[image, face]) / size[:, None]
    weight = (size / READABLE).clamp(max=1)
    count = max(len(image), 1)
    return Losses(
        _score_loss(predictions, match, (image, anchor), iou.detach()) / count,
        BOX_WEIGHT * (1 - diou).sum() / count,
        LANDMARK_WEIGHT * (wing(errors).mean(-1) * weight).sum() / weight.sum().clamp(min=1),
    )


def _score_loss(
    predictions: Predictions, match: Assignment, positives: tuple[Tensor, Tensor], iou: Tensor
) -> Tensor:
    quality = torch.zeros_like(predictions.logits)
    # A face is worth at least 0.5 however loose its box, so the threshold 0.5 asks "is it a face".
    quality[positives] = 0.5 + 0.5 * iou.clamp(0, 1)
    return (quality_focal(predictions.logits, quality) * match.counted).sum()


def decode_boxes(centers: Tensor, distances: Tensor) -> Tensor:
    """Corner boxes (N, 4) from centers (N, 2) and distances (N, 4) to left, top, right, bottom."""
    return torch.cat([centers - distances[:, :2], centers + distances[:, 2:]], -1)
