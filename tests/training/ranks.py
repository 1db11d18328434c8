"""Real processes that train together over gloo."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed

# A server that has imported torch once and forks: a new rank costs milliseconds, not seconds.
# DDP imports torch._dynamo at its first use.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["training.head_shards", "torch._dynamo", "hypothesis", "pytest"])


def together(size: int, folder: Path, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What `work(*arguments)`, a function of a module, returns on each of `size` ranks.

    `folder` is empty or absent; results are tensors and plain containers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ranks = [
        _CONTEXT.Process(target=_rank, args=(rank, size, folder, work, arguments))
        for rank in range(size)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(120)
        rank.kill()
    assert [rank.exitcode for rank in ranks] == [0] * size
    return [torch.load(folder / f"{rank}.pt") for rank in range(size)]


def _rank(
    rank: int, size: int, folder: Path, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=size
    )
    torch.save(work(*arguments), folder / f"{rank}.pt")
    distributed.destroy_process_group()
