"""MobileFaceNet (arXiv 1804.07573), the teacher of the starter, read from an .npz of arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

# (expansion, out channels, repeats, stride of the first repeat), MobileFaceNet, arXiv 1804.07573
BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


class ConvBlock(nn.Module):
    """Convolution, batch norm and, unless it is a linear one, PReLU."""

    def __init__(  # noqa: PLR0913 - a convolution has this many numbers
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int = 0,
        *,
        depthwise: bool = False,
        linear: bool = False,
    ) -> None:
        super().__init__()
        groups = inputs if depthwise else 1
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.prelu: nn.Module = nn.Identity() if linear else nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.prelu(self.bn(self.conv(x)))
        return y


class Bottleneck(nn.Module):
    """Expand, depthwise, project; residual where the shapes agree. Keys are `conv.{0,1,3,4,6,...}`."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.residual = stride == 1 and inputs == outputs
        wide = inputs * expansion
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.PReLU(wide),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.PReLU(wide),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileFaceNet(nn.Module):
    """(n, 3, 112, 96) RGB in [-1, 1] -> (n, 128) features, not normalized."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 64, 3, 2, 1)
        self.dw_conv1 = ConvBlock(64, 64, 3, 1, 1, depthwise=True)
        blocks, width = [], 64
        for expansion, outputs, repeats, stride in BOTTLENECKS:
            for repeat in range(repeats):
                blocks.append(Bottleneck(width, outputs, 1 if repeat else stride, expansion))
                width = outputs
        self.blocks = nn.Sequential(*blocks)
        self.conv2 = ConvBlock(128, 512, 1)
        self.linear7 = ConvBlock(512, 512, (7, 6), depthwise=True, linear=True)
        self.linear1 = ConvBlock(512, 128, 1, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.blocks(self.dw_conv1(self.conv1(x))))
        features: Tensor = self.linear1(self.linear7(y)).flatten(1)
        return features


def load(path: Path) -> MobileFaceNet:
    """The network in `path`, in eval mode; strict, so a foreign layout is refused.

    Raises FileNotFoundError, or RuntimeError naming missing and unexpected keys.
    """
    with np.load(path, allow_pickle=False) as arrays:
        state = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    network = MobileFaceNet()
    network.load_state_dict(state)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stubs
    return network.eval()
