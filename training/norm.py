"""What teaches a feature's length to follow the quality of its image, where emergence is not enough."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def norm_loss(features: Tensor, merit: Tensor) -> Tensor:
    """Makes the norm say how good the image is.

    `features` (n, d), `merit` (n,) the higher the better. AdaFace's norm tracks quality only as
    a by-product (its gradient is detached), and on small data the sign can even turn (AdaFace
    issues 6, 49). Here it is taught: relative to sqrt(d), the value the last batch norm centers
    it on, it should follow `merit`, standardized over the batch.
    """
    length = features.norm(dim=1) / features.shape[1] ** 0.5
    wanted = 1 + 0.25 * (merit - merit.mean()) / (merit.std(correction=0) + 1e-6)
    return functional.smooth_l1_loss(length, wanted, beta=0.1)
