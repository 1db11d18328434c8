"""Batch-norm statistics for a network that has not been trained."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from training.backbones.backbone import Backbone


@torch.no_grad()
def settle(backbone: Backbone, batches: Iterable[Tensor]) -> None:
    """Replaces every batch norm's running statistics by those over `batches`.

    Each batch is (n, 3, 112, 112) in [-1, 1] with n of at least two. With the statistics of
    random weights still at 0 and 1, norms in evaluation mode come out around 1e13, where no two
    runtimes agree and half precision overflows; settled, they are near sqrt(embedding).
    Dropout stays off. The backbone is in evaluation mode afterwards.
    """
    backbone.eval()
    norms = [module for module in backbone.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    for batch in batches:
        backbone(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    backbone.eval()
