"""What a backbone costs, for estimates and for telemetry that compares with the hardware's peak."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.backbones.backbone import SIDE, Backbone
from training.backbones.table import ARCHITECTURES, shaped


def macs(which: str | Backbone) -> int:
    """Multiply-accumulates of one forward pass over one 112x112 face.

    Convolutions and linear layers only, as papers count: 12.077e9 for ir_101. Two FLOPs each;
    a training step costs about three forward passes. Raises KeyError for a name that is not in
    ARCHITECTURES.
    """
    shape = ARCHITECTURES[which] if isinstance(which, str) else which.shape
    counted = 0

    def count(module: nn.Module, _: tuple[Tensor], output: Tensor) -> None:
        nonlocal counted
        if isinstance(module, nn.Conv2d | nn.Linear):
            counted += output.numel() * module.weight[0].numel()

    with torch.device("meta"), torch.no_grad():
        backbone = shaped(shape).eval()
        for module in backbone.modules():
            module.register_forward_hook(count)
        backbone(torch.empty(1, 3, SIDE, SIDE))
    return counted
