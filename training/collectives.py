"""What the ranks of a run tell each other; all of it the identity where there is one rank."""

from __future__ import annotations

import torch
from torch import Tensor, distributed


def joined() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def size() -> int:
    """Ranks in torch.distributed's default group, 1 without one."""
    return distributed.get_world_size() if joined() else 1


def rank() -> int:
    return distributed.get_rank() if joined() else 0


def total(values: Tensor) -> Tensor:
    """The sum over ranks, on every rank; `values` itself is overwritten."""
    if size() > 1:
        distributed.all_reduce(values)
    return values


def highest(values: Tensor) -> Tensor:
    """The maximum over ranks, on every rank; `values` itself is overwritten."""
    if size() > 1:
        distributed.all_reduce(values, op=distributed.ReduceOp.MAX)
    return values


def of_rank_0(values: Tensor) -> Tensor:
    """Rank 0's values, on every rank; `values` itself is overwritten."""
    if size() > 1:
        distributed.broadcast(values, src=0)
    return values


def gathered(values: Tensor) -> Tensor:
    """(n, ...) from each rank, the same n on all, as (ranks * n, ...) in the order of ranks."""
    if size() == 1:
        return values
    parts = values.new_empty((size() * len(values), *values.shape[1:]))
    distributed.all_gather_single(parts, values.contiguous())
    return parts


def own(values: Tensor) -> Tensor:
    """The (n, ...) of this rank among what `gathered` put together."""
    return torch.tensor_split(values, size())[rank()]
