"""The IR family of AdaFace (CVPR 2022, released `net.py` layout) and its narrow CPU-sized sibling."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Shape:
    """One row of the architecture table.

    `widths` are the channels of the four stages, `units` their block counts, `stem_stride` the
    stride of the first convolution and `columns` the part of the 112 columns the network looks
    at (the face; the outer columns are background on an aligned crop).
    """

    units: tuple[int, int, int, int]
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    stem_stride: int = 1
    columns: tuple[int, int] = (0, 112)
    embedding: int = 512
    dropout: float = 0.4


ARCHITECTURES = {
    "ir_18": Shape((2, 2, 2, 2)),
    "ir_34": Shape((3, 4, 6, 3)),
    "ir_50": Shape((3, 4, 14, 3)),
    "ir_101": Shape((3, 13, 30, 3)),
    # A stride-2 stem and dense narrow stages: 3-4x the training speed of MobileFaceNet on a CPU,
    # where depthwise convolutions are memory-bound. The columns are those its teacher sees.
    "ir_starter": Shape(
        (2, 2, 3, 2), (24, 48, 96, 192), stem_stride=2, columns=(8, 104), embedding=128, dropout=0.0
    ),
}


class Unit(nn.Module):
    """BN - conv3x3 - BN - PReLU - conv3x3(stride) - BN, plus the shortcut; nothing after the sum."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = (
            nn.MaxPool2d(1, stride)
            if inputs == width
            else nn.Sequential(
                nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )
        )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(width),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.res_layer(x) + self.shortcut_layer(x)
        return summed


class Backbone(nn.Module):
    """A recognizer: aligned faces in, raw features out; direction is identity, length quality.

    Module names reproduce the state-dict keys of the official checkpoints (`input_layer.0.weight`,
    `body.N.res_layer.M.*`, `output_layer.3.weight`).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        first = shape.widths[0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, first, 3, shape.stem_stride, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.PReLU(first),
        )
        self.body = nn.Sequential(*_stages(shape))
        rows, columns = _reduced(112, shape), _reduced(shape.columns[1] - shape.columns[0], shape)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(shape.widths[-1]),
            nn.Dropout(shape.dropout),
            nn.Flatten(),
            nn.Linear(shape.widths[-1] * rows * columns, shape.embedding),
            # No affine part: in training the mean squared norm over a batch is the embedding
            # size, which is what makes the norm a relative quality measure (AdaFace, section 3.2).
            nn.BatchNorm1d(shape.embedding, affine=False),
        )
        self.apply(_initialize)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 112, 112) float32 in [-1, 1] -> (n, embedding) float32, not normalized."""
        left, right = self.shape.columns
        features: Tensor = self.output_layer(self.body(self.input_layer(x[..., left:right])))
        return features


def _stages(shape: Shape) -> list[Unit]:
    units = []
    for (inputs, width), count in zip(
        pairwise((shape.widths[0], *shape.widths)), shape.units, strict=True
    ):
        units.append(Unit(inputs, width, 2))
        units.extend(Unit(width, width, 1) for _ in range(count - 1))
    return units


def _reduced(side: int, shape: Shape) -> int:
    for stride in (shape.stem_stride, 2, 2, 2, 2):
        side = -(-side // stride)
    return side


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def build(name: str) -> Backbone:
    """The backbone called `name` in ARCHITECTURES, freshly initialized.

    Raises KeyError for a name that is not in the table.
    """
    backbone = Backbone(ARCHITECTURES[name])
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stubs
    return backbone
