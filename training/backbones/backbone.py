"""What every recognizer network here is, whatever its layers are called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

SIDE = 112  # rows and columns of an aligned crop


@dataclass(frozen=True, slots=True)
class Shape:
    """One row of the architecture table.

    `widths` are the channels of the four stages, `units` their block counts, `stem_stride` the
    stride of the first convolution and `columns` the part of the 112 columns the network looks
    at (the face; the outer columns are background on an aligned crop). `layout` is whose layer
    names and shortcuts it has: AdaFace's (`ir`) or insightface's (`iresnet`).
    """

    units: tuple[int, int, int, int]
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    stem_stride: int = 1
    columns: tuple[int, int] = (0, SIDE)
    embedding: int = 512
    dropout: float = 0.4
    layout: Literal["ir", "iresnet"] = "ir"

    @property
    def flat(self) -> int:
        """How many numbers the last stage hands to the linear layer."""
        rows, columns = SIDE, self.columns[1] - self.columns[0]
        for stride in (self.stem_stride, 2, 2, 2, 2):
            rows, columns = -(-rows // stride), -(-columns // stride)
        return self.widths[-1] * rows * columns


def resized(shape: Shape, embedding: int) -> Shape:
    """The same network with an embedding of another length."""
    return replace(shape, embedding=embedding)


class Backbone(nn.Module):
    """A recognizer: aligned faces in, raw features out; direction is identity, length quality.

    Called with (n, 3, 112, 112) float32 in [-1, 1] it answers (n, embedding) float32, not
    normalized.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
