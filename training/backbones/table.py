"""The one table every recognizer network is built from."""

from __future__ import annotations

import torch

from training.backbones.backbone import Backbone, Shape, resized
from training.backbones.ir import IR
from training.backbones.iresnet import IResNet

ARCHITECTURES = {
    "ir_18": Shape((2, 2, 2, 2)),
    "ir_34": Shape((3, 4, 6, 3)),
    "ir_50": Shape((3, 4, 14, 3)),
    "ir_101": Shape((3, 13, 30, 3)),
    "r18": Shape((2, 2, 2, 2), dropout=0.0, layout="iresnet"),
    "r34": Shape((3, 4, 6, 3), dropout=0.0, layout="iresnet"),
    "r50": Shape((3, 4, 14, 3), dropout=0.0, layout="iresnet"),
    "r100": Shape((3, 13, 30, 3), dropout=0.0, layout="iresnet"),
    "r200": Shape((6, 26, 60, 6), dropout=0.0, layout="iresnet"),
    # A stride-2 stem and dense narrow stages: 3-4x the training speed of MobileFaceNet on a CPU,
    # where depthwise convolutions are memory-bound. The columns are those its teacher sees.
    "ir_starter": Shape(
        (2, 2, 3, 2), (24, 48, 96, 192), stem_stride=2, columns=(8, 104), embedding=128, dropout=0.0
    ),
    # As small as still tells people apart: for trying a whole run in a minute.
    "ir_micro": Shape(
        (1, 1, 1, 1), (16, 32, 64, 128), stem_stride=2, columns=(8, 104), embedding=64, dropout=0.0
    ),
}


def build(name: str, embedding: int | None = None) -> Backbone:
    """The backbone called `name` in ARCHITECTURES, freshly initialized.

    `embedding` replaces the table's length: a student takes its teacher's. Raises KeyError for a
    name that is not in the table.
    """
    shape = ARCHITECTURES[name]
    backbone = shaped(shape if embedding is None else resized(shape, embedding))
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stubs
    return backbone


def shaped(shape: Shape) -> Backbone:
    """A backbone of any shape, in the table or not."""
    return IResNet(shape) if shape.layout == "iresnet" else IR(shape)
