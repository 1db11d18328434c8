"""insightface's iresnet (arcface_torch, MIT): the same depths as IR, other names and shortcuts."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from training.backbones.backbone import Backbone, Shape


class Block(nn.Module):
    """BN - conv3x3 - BN - PReLU - conv3x3(stride) - BN, plus the input or its projection."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.prelu = nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        # Unlike IR, the first stage projects too, though its width stays the same.
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))
            if stride > 1
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        residual = self.conv1(self.bn1(x))
        residual = self.bn3(self.conv2(self.prelu(self.bn2(residual))))
        summed: Tensor = residual + (x if self.downsample is None else self.downsample(x))
        return summed


class IResNet(Backbone):
    """Module names reproduce the keys of insightface's `backbone.pth` (`layer1.0.conv1.weight`)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        first, last = shape.widths[0], shape.widths[-1]
        self.conv1 = nn.Conv2d(3, first, 3, shape.stem_stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.prelu = nn.PReLU(first)
        self.layer1, self.layer2, self.layer3, self.layer4 = _stages(shape)
        self.bn2 = nn.BatchNorm2d(last)
        self.dropout = nn.Dropout(shape.dropout)
        self.fc = nn.Linear(shape.flat, shape.embedding)
        self.features = nn.BatchNorm1d(shape.embedding)
        # One, for ever: the mean squared norm of a batch stays the embedding size plus |bias|^2.
        nn.init.ones_(self.features.weight)
        self.features.weight.requires_grad = False
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:  # see ir.py
                nn.init.normal_(module.weight, 0, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 112, 112) float32 in [-1, 1] -> (n, embedding) float32, not normalized."""
        left, right = self.shape.columns
        x = self.prelu(self.bn1(self.conv1(x[..., left:right])))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        flat = torch.flatten(self.dropout(self.bn2(x)), 1)
        features: Tensor = self.features(self.fc(flat))
        return features


def _stages(shape: Shape) -> list[nn.Sequential]:
    return [
        nn.Sequential(Block(inputs, width, 2), *(Block(width, width, 1) for _ in range(count - 1)))
        for (inputs, width), count in zip(
            pairwise((shape.widths[0], *shape.widths)), shape.units, strict=True
        )
    ]
