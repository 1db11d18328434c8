"""The margins: AdaFace (Kim, Jain, Liu, CVPR 2022, arXiv 2204.00964), ArcFace and CosFace."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from training import collectives

Statistics = Literal["global", "rank0", "local"]


class Margin(nn.Module, ABC):
    """What a loss does to the cosine between a face and its own class.

    `scale` multiplies every cosine, own class or not, before the softmax; all of them are
    clamped to +-`bound`. A margin works on each cosine by itself: entry i of its result depends
    on no other entry of `cosines`. `k` keeps the last batch's quality proxy (n,), in [-1, 1],
    for telemetry; it is empty for margins without one.

    Raises ValueError for constants that make it another loss, or none.
    """

    k: Tensor

    def __init__(self, margin: float, scale: float, epsilon: float) -> None:
        super().__init__()
        if not 0 < margin <= math.pi / 2:
            raise ValueError(
                f"A margin of {margin} is not in (0, pi/2]: without one this is plain softmax."
            )
        if not (0 < scale < math.inf and 0 < epsilon <= 0.1):
            raise ValueError(f"Give a positive scale, not {scale}, and epsilon <= 0.1.")
        self.margin, self.scale, self.epsilon = margin, scale, epsilon
        self.k = torch.empty(0)

    @property
    def bound(self) -> float:
        return 1 - self.epsilon

    @abstractmethod
    def forward(self, cosines: Tensor, norms: Tensor) -> Tensor:
        """Takes (n,) cosines of this rank's faces to their classes and their (n,) feature lengths.

        Returns the (n,) cosines to put into the softmax in their place, not yet scaled.
        """

    def _turned(self, cosines: Tensor, angle: Tensor | float) -> Tensor:
        """The cosines after each face is turned by `angle` radians away from its class."""
        theta = torch.acos(cosines.clamp(-self.bound, self.bound)) + angle
        return torch.cos(theta.clamp(self.epsilon, math.pi - self.epsilon))


class ArcFace(Margin):
    """cos(theta + m), arXiv 1801.07698; clamps as in AdaFace's `head.py`."""

    def __init__(self, margin: float = 0.5, scale: float = 64.0, epsilon: float = 1e-4) -> None:
        super().__init__(margin, scale, epsilon)

    def forward(self, cosines: Tensor, norms: Tensor) -> Tensor:  # noqa: ARG002 - the interface
        return self._turned(cosines, self.margin)


class CosFace(Margin):
    """cos(theta) - m, arXiv 1801.09414; clamps as in AdaFace's `head.py`."""

    def __init__(self, margin: float = 0.4, scale: float = 64.0, epsilon: float = 1e-4) -> None:
        super().__init__(margin, scale, epsilon)

    def forward(self, cosines: Tensor, norms: Tensor) -> Tensor:  # noqa: ARG002 - the interface
        return cosines.clamp(-self.bound, self.bound) - self.margin


class AdaFace(Margin):
    """A margin that follows image quality, read from the length of the feature.

    With k = clip(h (|f| - mu) / (sigma + eps), -1, 1) the target cosine is
    cos(theta - m k) - (m + m k): ArcFace for the poorest images (k = -1), CosFace for average
    ones (k = 0), a negative angular margin for the best (k = +1); section 3.3. `norm_mean` and
    `norm_std` are moving estimates of mu and sigma, in which a batch weighs `momentum` (t_alpha)
    and is counted before it is judged.

    `norm_statistics` says whose norms a batch's are: those of all ranks (`global`); each rank's
    own upon rank 0's estimates (`rank0`, what the official trainer does under DDP); or each
    rank's own (`local`). `h` may be negative, for data on which long features are poor images.
    Raises ValueError for h = 0, which would silently be CosFace, momentum = 1, which would use
    the spread of one batch, and other constants out of range.
    """

    norm_mean: Tensor
    norm_std: Tensor

    def __init__(  # noqa: PLR0913 - the loss's constants, ref. `head.py` and `run_*.sh` of the authors
        self,
        margin: float = 0.4,
        h: float = 0.333,
        scale: float = 64.0,
        *,
        momentum: float = 0.01,
        # Bounds the derivative of acos: -22 at 1 - 1e-3, but -702 at 1 - 1e-6.
        epsilon: float = 1e-3,
        norm_range: tuple[float, float] = (1e-3, 100.0),
        # Sigma falls from 100 to its true value of about 2 over some 300 steps, in which k stays
        # near 0. That transient is part of the published recipe.
        norm_mean: float = 20.0,
        norm_std: float = 100.0,
        norm_statistics: Statistics = "global",
    ) -> None:
        super().__init__(margin, scale, epsilon)
        if h == 0 or not math.isfinite(h):
            raise ValueError(f"h = {h} turns AdaFace into CosFace; ask for CosFace by its name.")
        if not 0 < momentum < 1:
            raise ValueError(
                f"momentum = {momentum} is not in (0, 1): at 1 the statistics of a single batch"
                " decide each margin. The paper's recipe has 0.01."
            )
        if not (0 <= norm_range[0] < norm_range[1] and norm_std > 0 and math.isfinite(norm_mean)):
            raise ValueError("The norm range must rise from 0 or more, and norm_std be positive.")
        if norm_statistics not in get_args(Statistics):
            raise ValueError(f"norm_statistics is global, rank0 or local, not {norm_statistics!r}.")
        self.h, self.momentum = h, momentum
        self.norm_range, self.norm_statistics = norm_range, norm_statistics
        self.register_buffer("norm_mean", torch.tensor(float(norm_mean)))
        self.register_buffer("norm_std", torch.tensor(float(norm_std)))

    def forward(self, cosines: Tensor, norms: Tensor) -> Tensor:
        """See `Margin.forward`; in training mode the statistics take in `norms` first."""
        self.k = k = self.quality(norms)
        return self._turned(cosines, -self.margin * k) - self.margin * (1 + k)

    @torch.no_grad()
    def quality(self, norms: Tensor) -> Tensor:
        """The k in [-1, 1] for each of (n,) norms: how far it lies from the mean."""
        norms = norms.clamp(*self.norm_range)
        if self.training:
            self._observe(norms)
        k: Tensor = self.h * (norms - self.norm_mean) / (self.norm_std + self.epsilon)
        return k.clamp(-1, 1)

    def _observe(self, norms: Tensor) -> None:
        """Takes (n,) norms into the statistics; in place, since an EMA or a graph may alias them.

        A batch of one has no spread (0 / 0) and leaves sigma alone; a batch with a NaN leaves
        both alone, where one such batch would otherwise poison every later one.
        """
        # Float64: the difference of two sums of squares would cost float32 half its digits.
        wide = norms.double()
        moments = torch.stack([wide.sum(), wide.square().sum(), wide.new_full((), len(wide))])
        if self.norm_statistics == "global":
            moments = collectives.total(moments)
        elif self.norm_statistics == "rank0":
            self._adopt(collectives.of_rank_0(torch.stack([self.norm_mean, self.norm_std])))
        summed, squares, count = moments
        mean = summed / count
        std = ((squares - summed * mean).clamp_min(0) / (count - 1)).sqrt()
        usable = torch.isfinite(std) & (count > 1)
        self._blend(self.norm_mean, mean, torch.isfinite(mean))
        self._blend(self.norm_std, std, usable)

    def _adopt(self, statistics: Tensor) -> None:
        self.norm_mean.copy_(statistics[0])
        self.norm_std.copy_(statistics[1])

    def _blend(self, buffer: Tensor, value: Tensor, usable: Tensor) -> None:
        buffer.lerp_(torch.where(usable, value.to(buffer.dtype), buffer), self.momentum)


LOSSES: dict[str, type[Margin]] = {"adaface": AdaFace, "arcface": ArcFace, "cosface": CosFace}


def margin(name: str, **constants: Any) -> Margin:
    """The margin called `name` (adaface, arcface, cosface), with the constants of its class.

    Raises ValueError for a name or a constant nobody knows, and for constants out of range.
    """
    if name not in LOSSES:
        raise ValueError(f"There is no loss {name!r}; known are {', '.join(LOSSES)}.")
    try:
        return LOSSES[name](**constants)
    except TypeError as error:
        raise ValueError(f"The loss {name} takes no such constant: {error}.") from error
