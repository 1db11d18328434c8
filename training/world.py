"""Who else is training: one process on a CPU, one on each GPU, or many machines, by one code path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True, slots=True)
class World:
    """One process among `size`; `rank` 0 writes what only one may write."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def agree(self, flag: bool) -> bool:
        """True on every rank as soon as it is true on one: a signal may reach only some."""
        if self.size == 1:
            return flag
        votes = torch.tensor(float(flag), device=self.device)
        distributed.all_reduce(votes, op=distributed.ReduceOp.MAX)
        return bool(votes.item())

    def wait(self) -> None:
        """Returns when every rank has come here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def joined() -> Iterator[World]:
    """The world torchrun's environment describes, or a world of one without it.

    Nothing is decided at import. Raises RuntimeError where torchrun's variables are incomplete.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    cuda = torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if size == 1:
        yield World(0, 1, device)
        return
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield World(distributed.get_rank(), size, device)
    finally:
        distributed.destroy_process_group()
