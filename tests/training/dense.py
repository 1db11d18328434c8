"""The losses the slow and plain way: everything n x classes, by autograd."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def adaface(  # noqa: PLR0913 - the constants of the loss
    features: Tensor,
    weight: Tensor,
    labels: Tensor,
    *,
    mean: float,
    std: float,
    margin: float = 0.4,
    h: float = 0.333,
    scale: float = 64.0,
    epsilon: float = 1e-3,
) -> Tensor:
    """Equations 5 to 8 of arXiv 2204.00964 with the clamps of the authors' `head.py`."""
    norms = features.norm(dim=1, keepdim=True)
    k = (h * (norms.detach().clip(1e-3, 100) - mean) / (std + epsilon)).clip(-1, 1)
    centers = weight / weight.norm(dim=1, keepdim=True)
    cosines = (features / norms @ centers.t()).clip(-1 + epsilon, 1 - epsilon)
    own = functional.one_hot(labels, len(weight)).to(features)
    theta = (torch.acos(cosines) - own * margin * k).clip(epsilon, math.pi - epsilon)
    logits = scale * (torch.cos(theta) - own * (margin + margin * k))
    return functional.cross_entropy(logits, labels)
