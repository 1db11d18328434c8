"""The AdaFace loss (Kim, Jain, Liu, CVPR 2022, arXiv 2204.00964): a margin that follows image quality."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

# The clamp bounds the derivative of acos: -22 at 1 - 1e-3, but -702 at 1 - 1e-6.
EPSILON = 1e-3


class AdaFace(nn.Module):
    """Class weights and the quality-adaptive margin over them.

    With k = clip(h (|f| - mu) / (sigma + eps), -1, 1) the target logit is
    s (cos(theta - m k) - (m + m k)): ArcFace for the poorest images (k = -1), CosFace for
    average ones (k = 0), a negative angular margin for the best (k = +1). Only the n target
    entries are touched, so no n x classes temporary is made beside the logits.

    Raises ValueError for h = 0, which would silently be CosFace.
    """

    norm_mean: Tensor
    norm_std: Tensor

    def __init__(  # noqa: PLR0913 - the loss has five constants, all in the paper
        self,
        embedding: int,
        classes: int,
        *,
        margin: float = 0.4,
        h: float = 0.333,
        scale: float = 64.0,
        momentum: float = 0.01,
    ) -> None:
        super().__init__()
        if h == 0:
            raise ValueError("h = 0 turns AdaFace into CosFace; ask for CosFace by its name.")
        self.weight = nn.Parameter(functional.normalize(torch.randn(classes, embedding)))
        self.margin, self.h, self.scale, self.momentum = margin, h, scale, momentum
        # 20 and 100 as in the official code: sigma decays over about 300 steps, during which
        # k stays near 0. That transient is part of the recipe, and is saved with the head.
        self.register_buffer("norm_mean", torch.tensor(20.0))
        self.register_buffer("norm_std", torch.tensor(100.0))

    @torch.no_grad()
    def _observe(self, norms: Tensor) -> None:
        """Follows the batch's norms; a batch of one has no spread and leaves sigma alone."""
        self.norm_mean.lerp_(norms.mean(), self.momentum)
        if norms.numel() > 1:
            self.norm_std.lerp_(norms.std(), self.momentum)

    def quality(self, features: Tensor) -> Tensor:
        """The k in [-1, 1] per row of (n, d) features: how far each norm lies from the mean."""
        norms = features.detach().norm(dim=1).clamp(1e-3, 100.0)
        if self.training:
            self._observe(norms)
        k: Tensor = self.h * (norms - self.norm_mean) / (self.norm_std + EPSILON)
        return k.clamp(-1, 1)

    def logits(self, features: Tensor, labels: Tensor) -> Tensor:
        """(n, d) features and (n,) int64 labels -> (n, classes) scaled logits, float32.

        Computed outside autocast: bf16 rounds 1 - 1e-3 to 1, where acos has no derivative.
        """
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            k = self.quality(features)
            unit = functional.normalize(features)
            cosines = (unit @ functional.normalize(self.weight.float()).t()).clamp(
                -1 + EPSILON, 1 - EPSILON
            )
            rows = torch.arange(len(labels), device=labels.device)
            angle = torch.acos(cosines[rows, labels]) - self.margin * k
            target = torch.cos(angle.clamp(EPSILON, math.pi - EPSILON)) - self.margin * (1 + k)
            return self.scale * cosines.index_put((rows, labels), target)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy over the batch, a scalar; see `logits` for the arguments."""
        return functional.cross_entropy(self.logits(features, labels), labels)
