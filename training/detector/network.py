"""The detector network: a dense narrow backbone, a feature pyramid, and one light head per stride."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
# Two anchors per location, a small and a large one, an octave apart: the six cover faces of 11 to 724 px.
ANCHOR_SIZES = ((16, 32), (64, 128), (256, 512))
ANCHORS = 2
LANDMARKS = 5


class Predictions(NamedTuple):
    """What the network says of A anchors, in SCRFD's order: stride 8 first, then row, column, anchor size."""

    logits: Tensor  # (B, A) before the sigmoid
    boxes: Tensor  # (B, A, 4) distances from the anchor's center to left, top, right, bottom, in strides
    landmarks: Tensor  # (B, A, 10) five (x, y) offsets from the anchor's center, in strides


class ConvNorm(nn.Module):
    """Convolution and batch normalization."""

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        normalized: Tensor = self.norm(self.conv(x))
        return normalized

    def fold(self) -> None:
        """Move the normalization into the convolution, for inference."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = nn.utils.fusion.fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class ConvNormRelu(ConvNorm):
    """The same, rectified."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride), none below zero."""
        return functional.relu(super().forward(x))


class Dense(nn.Module):
    """Residual pair of dense 3x3 convolutions: on CPU they train three times faster than depthwise ones of equal cost."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvNormRelu(width, inner), ConvNorm(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) to the same shape."""
        return functional.relu(x + self.body(x))


class Wide(nn.Module):
    """Residual depthwise 5x5 and 1x1: sight across a whole face for few weights, on the small maps only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNorm(width, width, 5, groups=width),
            ConvNorm(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) to the same shape."""
        return functional.relu(x + self.body(x))


class Head(nn.Module):
    """Scores, boxes and landmarks of one stride; distances are learned in half anchor sizes."""

    def __init__(self, width: int, stride: int, sizes: tuple[int, int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvNormRelu(width, width), Wide(width))
        self.score = nn.Conv2d(width, ANCHORS, 1)
        self.box = nn.Conv2d(width, ANCHORS * 4, 1)
        self.landmark = nn.Conv2d(width, ANCHORS * LANDMARKS * 2, 1)
        self.units = tuple(size / 2 / stride for size in sizes)
        # Prior: about one anchor in a hundred is a face, and its box is as large as the anchor.
        nn.init.constant_(_bias(self.score), -4.6)
        nn.init.constant_(_bias(self.box), 1.0)

    def forward(self, x: Tensor) -> Predictions:
        """(B, width, H, W) to the predictions of its H x W x 2 anchors."""
        score, box, landmark = self.maps(x)
        return Predictions(
            per_anchor(score, (1.0, 1.0))[..., 0],
            per_anchor(box, self.units),
            per_anchor(landmark, self.units),
        )

    def maps(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, width, H, W) to maps of 2 scores, 8 distances and 20 offsets, not yet times their units."""
        x = self.stem(x)
        return self.score(x), self.box(x), self.landmark(x)

    def fold(self) -> None:
        """Move the units into the last convolutions, so that their maps are in strides."""
        for layer in (self.box, self.landmark):
            scale = torch.tensor(self.units).repeat_interleave(layer.out_channels // ANCHORS)
            layer.weight.data.mul_(scale.view(-1, 1, 1, 1))
            _bias(layer).data.mul_(scale)
        self.units = (1.0, 1.0)


def _bias(layer: nn.Conv2d) -> Tensor:
    return layer.get_parameter("bias")


def per_anchor(x: Tensor, units: tuple[float, ...]) -> Tensor:
    """(B, anchors * width, H, W) to (B, H * W * anchors, width), each anchor's values times its unit."""
    batch, channels = x.shape[:2]
    width = channels // ANCHORS
    grid = x.permute(0, 2, 3, 1).reshape(batch, -1, ANCHORS, width)
    return (grid * torch.tensor(units).view(ANCHORS, 1)).reshape(batch, -1, width)


class Detector(nn.Module):
    """About 235 thousand weights, 0.8 billion multiply-adds on a 640 x 640 image."""

    def __init__(self, pyramid: int = 40) -> None:
        super().__init__()
        self.stride4 = nn.Sequential(ConvNormRelu(3, 16, stride=2), ConvNormRelu(16, 24, stride=2))
        self.stride8 = nn.Sequential(ConvNormRelu(24, 48, stride=2), Dense(48, 32))
        self.stride16 = nn.Sequential(ConvNormRelu(48, 64, stride=2), Wide(64), Wide(64), Wide(64))
        self.stride32 = nn.Sequential(ConvNormRelu(64, 72, stride=2), Wide(72), Wide(72), Wide(72))
        self.lateral = nn.ModuleList(ConvNormRelu(width, pyramid, 1) for width in (48, 64, 72))
        self.smooth = nn.ModuleList(ConvNormRelu(pyramid, pyramid) for _ in STRIDES[:2])
        self.heads = nn.ModuleList(
            Head(pyramid, stride, sizes)
            for stride, sizes in zip(STRIDES, ANCHOR_SIZES, strict=True)
        )

    def forward(self, images: Tensor) -> Predictions:
        """Float32 RGB (B, 3, H, W), (x - 127.5) / 128, H and W multiples of 32."""
        levels = [head(x) for head, x in zip(self.heads, self.pyramid(images), strict=True)]
        return Predictions(*(torch.cat(parts, 1) for parts in zip(*levels, strict=True)))

    def pyramid(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The features that the heads of strides 8, 16 and 32 read, (B, pyramid, H / stride, W / stride)."""
        fine = self.stride8(self.stride4(images))
        middle = self.stride16(fine)
        coarse = self.lateral[2](self.stride32(middle))
        middle = self.smooth[1](self.lateral[1](middle) + _doubled(coarse))
        fine = self.smooth[0](self.lateral[0](fine) + _doubled(middle))
        return fine, middle, coarse

    def maps(self, images: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Per stride, the maps of scores, distances and offsets."""
        heads = cast("Iterable[Head]", self.heads)
        return [head.maps(x) for head, x in zip(heads, self.pyramid(images), strict=True)]

    def shift_scores(self, logits: float) -> None:
        """Add `logits` to every score before the sigmoid."""
        for head in self.heads:
            head.get_parameter("score.bias").data.add_(logits)

    def fold(self) -> None:
        """Fold normalizations and units away, for inference; the network must be in evaluation mode."""
        for module in self.modules():
            if isinstance(module, ConvNorm | Head):
                module.fold()


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def anchor_grid(height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Centers (A, 2), strides (A,) and sizes (A,) in pixels, in the order of `Predictions`.

    A center is its cell's top left corner, as SCRFD decodes it.
    """
    centers, strides, sizes = [], [], []
    for stride, pair in zip(STRIDES, ANCHOR_SIZES, strict=True):
        rows, columns = torch.arange(height // stride), torch.arange(width // stride)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        cells = torch.stack([x, y], -1).reshape(-1, 1, 2).expand(-1, ANCHORS, -1).reshape(-1, 2)
        centers.append(cells * float(stride))
        strides.append(torch.full((len(cells),), float(stride)))
        sizes.append(torch.tensor(pair, dtype=torch.float32).repeat(len(cells) // ANCHORS))
    return torch.cat(centers), torch.cat(strides), torch.cat(sizes)
