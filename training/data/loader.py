"""From a source to batches: decoded and augmented in worker processes, in an order that is fixed.

What a rank sees in a step is a pure function of the arguments of `loader`: not of the number of
workers, nor of where the run began. The union over the ranks does not depend on their number.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
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
from training.data.source import CorruptRecord, Example, Source, View
from training.data.views import Augmentation

LIMIT = 100  # unusable pictures in a row that are taken for an unusable source


class Batch(NamedTuple):
    """One rank's share of a step.

    `images` (n, 112, 112, 3) uint8 RGB and `labels` (n,) int64, in pinned memory where there is
    a GPU; `skipped` of them stand in for corrupt records. `severity` (n,) float32, 0 to 1, is how
    much the augmentation degraded each.
    """

    images: Tensor
    labels: Tensor
    severity: Tensor
    skipped: int


class Sample(NamedTuple):
    """One picture of a batch, as the network sees it, and whose it is."""

    view: View
    label: int


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
        samples, skipped = [], 0
        for epoch, index in zip(draws.epochs.tolist(), draws.indices.tolist(), strict=True):
            try:
                example, replaced = _read(self.source, (self.plan.seed, epoch, index))
            except ValueError as error:
                return error
            samples.append(_augmented(example, self.plan, epoch, index))
            skipped += replaced
        return _batch(samples, skipped)


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
        samples, skipped, plan = [], 0, self.plan
        for number in local:
            turn, lane = divmod(number * plan.world + plan.rank, self.shards.lanes)
            if lane not in cursors:
                cursors[lane] = Cursor(self.shards, lane, plan.seed, turn)
            place, example, replaced = cursors[lane].take(turn, LIMIT)
            samples.append(_augmented(example, plan, place.epoch, place.number))
            skipped += replaced
        return _batch(samples, skipped)


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
        severity = torch.empty(plan.batch, pin_memory=pin)
        for worker in range(max(1, workers)):
            piece = _checked(next(pieces))
            own = slice(_offset(plan, step, worker, max(1, workers)), None, max(1, workers))
            images[own], labels[own], severity[own] = piece[:3]
            skipped += piece.skipped
        yield Batch(images, labels, severity, skipped)


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
        worker_init_fn=_started,
    )


def _started(_: int) -> None:
    """What a worker does first.

    Ctrl-C, and SIGTERM from a scheduler, reach all processes of a run; a worker that obeyed would
    take the run down before its last snapshot. The run ends its workers, by a second SIGTERM if
    need be.
    """
    cv2.setNumThreads(0)  # the processes are the parallelism
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: signal.signal(number, signal.SIG_DFL))


def _augmented(example: Example, plan: Plan, epoch: int, index: int) -> Sample:
    view = View(example.image, 0.0)
    if plan.augmentation is not None:
        view = plan.augmentation(example.image, generator(plan.seed, epoch, index))
    return Sample(view, example.label)


def _batch(samples: list[Sample], skipped: int) -> Batch:
    images = np.empty((len(samples), CROP_SIZE, CROP_SIZE, 3), np.uint8)
    for place, sample in enumerate(samples):
        images[place] = sample.view.image
    labels = torch.tensor([sample.label for sample in samples], dtype=torch.int64)
    severity = torch.tensor([sample.view.severity for sample in samples], dtype=torch.float32)
    return Batch(torch.from_numpy(images), labels, severity, skipped)


def _checked(batch: Batch | ValueError) -> Batch:
    if isinstance(batch, ValueError):
        raise batch
    return batch
