"""The IR networks of AdaFace (CVPR 2022), in the layout of the released `net.py`."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from training.backbones.backbone import Backbone, Shape

__all__ = ["IR", "Backbone", "Unit"]


class Unit(nn.Module):
    """BN - conv3x3 - BN - PReLU - conv3x3(stride) - BN, plus the shortcut; nothing after the sum."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer = _shortcut(inputs, width, stride)
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


def _shortcut(inputs: int, width: int, stride: int) -> nn.Module:
    if inputs != width:
        return nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))
    # Officially a 1x1 pool everywhere: at stride 1 (45 of IR-101's 49) that is a copy of x.
    return nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()


class IR(Backbone):
    """Module names reproduce the state-dict keys of the official checkpoints.

    `input_layer.0.weight`, `body.N.res_layer.M.*`, `body.N.shortcut_layer.M.*`,
    `output_layer.3.weight`: they load without renaming.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        first = shape.widths[0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, first, 3, shape.stem_stride, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.PReLU(first),
        )
        self.body = nn.Sequential(*_stages(shape))
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(shape.widths[-1]),
            nn.Dropout(shape.dropout),
            nn.Flatten(),
            nn.Linear(shape.flat, shape.embedding),
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


def _initialize(module: nn.Module) -> None:
    # There are no numbers on the meta device, yet drawing them loads PyTorch's compiler: 3 s.
    if isinstance(module, nn.Conv2d | nn.Linear) and not module.weight.is_meta:
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
