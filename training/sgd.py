"""Stochastic gradient descent for class vectors, which outnumber everything else in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor, nn

# Rows per pass: momentum, weight and gradient of a slice stay in the cache.
SLICE = 4096


class SGD(torch.optim.Optimizer):
    """The update of torch.optim.SGD with momentum and weight decay, with two differences.

    It makes no temporary as large as the parameter. And under a sparse gradient it touches only
    the rows that this names: the others keep their values and their momentum, where a dense step
    would let classes that were not sampled drift by old momentum and decay.

    `state[p]["momentum_buffer"]` is laid out as in torch's. Parameters have at least 1 dimension.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group)
        return closure() if closure else None

    def _update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        velocity = state["momentum_buffer"]
        if gradient.is_sparse:
            gradient = gradient.coalesce()
            rows = gradient.indices()[0]
            moved, speed = weight[rows], velocity[rows]
            _step(moved, speed, gradient.values(), group)
            weight[rows], velocity[rows] = moved, speed
            return
        for first in range(0, len(weight), SLICE):
            part = slice(first, first + SLICE)
            _step(weight[part], velocity[part], gradient[part], group)


def _step(weight: Tensor, velocity: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
    """All of one shape; weight and velocity change in place."""
    velocity.mul_(group["momentum"]).add_(gradient).add_(weight, alpha=group["weight_decay"])
    weight.sub_(velocity, alpha=group["lr"])
