"""A head on the disk: one safetensors file per rank, readable at any other number of ranks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training import collectives
from training.partial_fc import Head

WEIGHT, MOMENTUM = "weight", "momentum"


class BadShards(ValueError):
    """These files are not one whole head of the wanted kind; the message says which and why."""


@dataclass(frozen=True, slots=True)
class _Shard:
    """What a file says of itself: which rows of how many classes, and which tensors."""

    path: Path
    rows: range
    classes: int
    embedding: int
    names: frozenset[str]


def save_shard(folder: Path, head: Head, momentum: Tensor | None = None) -> Path:
    """Writes this rank's rows, with their optimizer's momentum, of the weight's shape, if given.

    The file also holds the head's few other numbers (norm statistics, sampling step), so the
    files of all ranks together are the whole head. Raises OSError when the disk is full.
    """
    path = folder / f"head-{collectives.rank():05d}.safetensors"
    tensors = {WEIGHT: head.weight.detach(), **dict(head.named_buffers())}
    if momentum is not None:
        tensors[MOMENTUM] = momentum
    about = {"first": head.rows.start, "last": head.rows.stop, "classes": head.classes}
    try:
        save_file(
            {name: tensor.contiguous() for name, tensor in tensors.items()},
            path,
            metadata={name: str(value) for name, value in about.items()},
        )
    except SafetensorError as error:
        raise OSError(f"{path} could not be written: {error}") from error
    return path


@torch.no_grad()
def load_shards(files: Path | Iterable[Path], head: Head) -> Tensor | None:
    """Fills this rank's rows of `head` from the files of a head saved at any number of ranks.

    `files` are those of all ranks, or the folder with them. Returns the momentum of the rows, of
    the weight's shape and on its device, None where none was saved.
    Raises BadShards, before anything is changed, for files that cannot be read, rows missing or
    there twice, another number of classes, another embedding size or the head of another loss.
    """
    paths = sorted(files.glob("head-*.safetensors")) if isinstance(files, Path) else files
    shards = sorted(map(_described, paths), key=lambda shard: (shard.rows.start, shard.rows.stop))
    _check(shards, head)
    head.weight.copy_(_rows(shards, WEIGHT, head.rows))
    with safe_open(shards[0].path, "pt") as file:
        for name, buffer in head.named_buffers():
            buffer.copy_(file.get_tensor(name))
    if MOMENTUM not in shards[0].names:
        return None
    return _rows(shards, MOMENTUM, head.rows).to(head.weight)


def _described(path: Path) -> _Shard:
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            rows = range(int(about["first"]), int(about["last"]))
            height, width = file.get_slice(WEIGHT).get_shape()
            names = frozenset(file.keys())
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise BadShards(f"{path} is no part of a head: {error}.") from error
    if height != len(rows):
        raise BadShards(f"{path} says it holds {len(rows)} classes but holds {height}.")
    return _Shard(path, rows, int(about["classes"]), width, names)


def _check(shards: list[_Shard], head: Head) -> None:
    if not shards:
        raise BadShards("There is no head here: files are called head-00000.safetensors and so on.")
    wanted = {WEIGHT, *dict(head.named_buffers())}
    reached = 0
    for shard in shards:
        if (shard.classes, shard.embedding) != (head.classes, head.weight.shape[1]):
            raise BadShards(
                f"{shard.path} is of a head with {shard.classes} classes and embedding"
                f" {shard.embedding}; this one has {head.classes} and {head.weight.shape[1]}."
            )
        if shard.names - {MOMENTUM} != wanted:
            raise BadShards(
                f"{shard.path} is of a head with another loss: it holds"
                f" {', '.join(sorted(shard.names))}, wanted are {', '.join(sorted(wanted))}."
            )
        if (MOMENTUM in shard.names) != (MOMENTUM in shards[0].names):
            raise BadShards(f"{shard.path} and {shards[0].path} disagree on having momentum.")
        if shard.rows.start != reached:
            what = "missing" if shard.rows.start > reached else "there twice"
            first, last = sorted((reached, shard.rows.start))
            raise BadShards(f"Classes {first} to {last - 1} are {what} before {shard.path}.")
        reached = shard.rows.stop
    if reached != head.classes:
        raise BadShards(f"Classes {reached} to {head.classes - 1} are missing.")


def _rows(shards: Iterable[_Shard], name: str, rows: range) -> Tensor:
    """Classes `rows` of the tensor `name`, reading no others."""
    parts = []
    for shard in shards:
        first, last = max(rows.start, shard.rows.start), min(rows.stop, shard.rows.stop)
        if first < last:
            with safe_open(shard.path, "pt") as file:
                part = file.get_slice(name)[first - shard.rows.start : last - shard.rows.start]
            parts.append(part)
    return torch.cat(parts)
