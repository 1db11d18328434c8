"""From a source to batches: decoded and augmented in worker processes, in an order that is fixed.

What a rank sees in a step is a pure function of the arguments of `loader`: not of the number of
workers, nor of where the run began. The union over the ranks does not depend on their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from models.alignment import CROP_SIZE
from training.data.order import Draws, generator, steps
from training.data.shards import Cursor, Shards
from training.data.source import CorruptRecord, Example, Image, Source

Augmentation = Callable[[Image, np.random.Generator], Image]

LIMIT = 100  # unusable pictures in a row that are taken for an unusable source


class Batch(NamedTuple):
    """One rank's share of a step.

    `images` (n, 112, 112, 3) uint8 RGB and `labels` (n,) int64, in pinned memory where there is
    a GPU; `skipped` of them stand in for corrupt records.
    """

    images: Tensor
    labels: Tensor
    skipped: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Which part of which run is loaded."""

    batch: int
    rank: int
    world: int
    first_step: int
    last_step: int
    seed: int
    augmentation: Augmentation | None


def loader(  # noqa: PLR0913 - the whole of what the batches depend on
    source: Source | Shards,
    *,
    batch: int,
    rank: int = 0,
    world: int = 1,
    first_step: int = 0,
    last_step: int,
    seed: int,
    augmentation: Augmentation | None = None,
    workers: int = 0,
) -> Iterator[Batch]:
    """The batches of steps `first_step` to `last_step - 1` for rank `rank` of `world`.

    `batch` is per rank; every batch is whole, because epochs follow each other without a gap. A
    corrupt record is replaced by another one of the source, the same each time. Of a source in
    random access the main process keeps one permutation of its pictures, 4 bytes each.

    Raises ValueError where the arguments make no sense or the source holds nothing but corrupt
    records.
    """
    if batch < 1 or not 0 <= rank < world or first_step < 0 or workers < 0:
        raise ValueError(
            f"There is no batch of {batch} for rank {rank} of {world} from step {first_step} "
            f"with {workers} workers."
        )
    plan = Plan(batch, rank, world, first_step, last_step, seed, augmentation)
    return (
        _streamed(source, plan, workers)
        if isinstance(source, Shards)
        else _mapped(source, plan, workers)
    )


class _Mapped(Dataset["Batch | ValueError"]):
    """Draws -> batch. An error is returned: raised in a worker it would arrive as a traceback."""

    def __init__(self, source: Source, plan: Plan) -> None:
        self.source, self.plan = source, plan

    def __getitem__(self, draws: Draws) -> Batch | ValueError:
        examples, skipped = [], 0
        for epoch, index in zip(draws.epochs.tolist(), draws.indices.tolist(), strict=True):
            try:
                example, replaced = _read(self.source, (self.plan.seed, epoch, index))
            except ValueError as error:
                return error
            examples.append(_augmented(example, self.plan, epoch, index))
            skipped += replaced
        return _batch(examples, skipped)


def _mapped(source: Source, plan: Plan, workers: int) -> Iterator[Batch]:
    draws = steps(
        len(source),
        batch=plan.batch,
        rank=plan.rank,
        world=plan.world,
        first_step=plan.first_step,
        last_step=plan.last_step,
        seed=plan.seed,
    )
    batches = _loaded(_Mapped(source, plan), workers, draws, pin=torch.cuda.is_available())
    yield from map(_checked, batches)


def _read(source: Source, key: tuple[int, int, int]) -> tuple[Example, bool]:
    """The sample of (seed, epoch, index), or one drawn by that key; whether it is another one."""
    try:
        return source.read(key[2]), False
    except CorruptRecord as error:
        last = error
    for other in np.random.default_rng((*key, 1)).integers(len(source), size=LIMIT).tolist():
        try:
            return source.read(other), True
        except CorruptRecord as error:
            last = error
    raise ValueError(f"{LIMIT} records in a row cannot be used; the last: {last}")


class _Streamed(IterableDataset["Batch | ValueError"]):
    """Worker w of W gives, for every step, each W-th sample of the rank from w on."""

    def __init__(self, shards: Shards, plan: Plan) -> None:
        self.shards, self.plan = shards, plan

    def __iter__(self) -> Iterator[Batch | ValueError]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        cursors: dict[int, Cursor] = {}
        for step in range(self.plan.first_step, self.plan.last_step):
            start = step * self.plan.batch
            offset = _offset(self.plan, step, worker, workers)
            try:
                yield self._piece(range(start + offset, start + self.plan.batch, workers), cursors)
            except ValueError as error:
                yield error

    def _piece(self, local: range, cursors: dict[int, Cursor]) -> Batch:
        examples, skipped, plan = [], 0, self.plan
        for number in local:
            turn, lane = divmod(number * plan.world + plan.rank, self.shards.lanes)
            if lane not in cursors:
                cursors[lane] = Cursor(self.shards, lane, plan.seed, turn)
            place, example, replaced = cursors[lane].take(turn, LIMIT)
            examples.append(_augmented(example, plan, place.epoch, place.number))
            skipped += replaced
        return _batch(examples, skipped)


def _offset(plan: Plan, step: int, worker: int, workers: int) -> int:
    """Where in the batch of `step` the samples of a worker begin."""
    return (worker - step * plan.batch) % workers


def _streamed(shards: Shards, plan: Plan, workers: int) -> Iterator[Batch]:
    workers = _dividing(shards.lanes, plan.world, workers)
    pieces = iter(_loaded(_Streamed(shards, plan), workers, None, pin=False))
    pin = torch.cuda.is_available()
    for step in range(plan.first_step, plan.last_step):
        images = torch.empty(plan.batch, CROP_SIZE, CROP_SIZE, 3, dtype=torch.uint8, pin_memory=pin)
        labels, skipped = torch.empty(plan.batch, dtype=torch.int64, pin_memory=pin), 0
        for worker in range(max(1, workers)):
            piece = _checked(next(pieces))
            own = slice(_offset(plan, step, worker, max(1, workers)), None, max(1, workers))
            images[own], labels[own] = piece.images, piece.labels
            skipped += piece.skipped
        yield Batch(images, labels, skipped)


def _dividing(lanes: int, world: int, workers: int) -> int:
    """The largest number of workers up to `workers` that shares no lane between two of them.

    Shared lanes are read by each of their workers, which changes nothing but the time; where
    the ranks alone do not divide the lanes, that is how it is.
    """
    fitting = (count for count in range(workers, 0, -1) if lanes % (world * count) == 0)
    return next(fitting, workers)


def _loaded(
    dataset: Dataset[Batch | ValueError],
    workers: int,
    sampler: Iterator[Draws] | None,
    *,
    pin: bool,
) -> DataLoader[Batch | ValueError]:
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=sampler,
        num_workers=workers,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_single_threaded,
    )


def _single_threaded(_: int) -> None:
    cv2.setNumThreads(0)  # the processes are the parallelism


def _augmented(example: Example, plan: Plan, epoch: int, index: int) -> Example:
    if plan.augmentation is None:
        return example
    image = plan.augmentation(example.image, generator(plan.seed, epoch, index))
    return Example(image, example.label)


def _batch(examples: list[Example], skipped: int) -> Batch:
    images = np.empty((len(examples), CROP_SIZE, CROP_SIZE, 3), np.uint8)
    for place, example in enumerate(examples):
        images[place] = example.image
    labels = torch.tensor([example.label for example in examples], dtype=torch.int64)
    return Batch(torch.from_numpy(images), labels, skipped)


def _checked(batch: Batch | ValueError) -> Batch:
    if isinstance(batch, ValueError):
        raise batch
    return batch
