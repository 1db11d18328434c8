"""The training loop: one for a CPU, a GPU and many nodes; `adaface train --config NAME`."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from training import best, snapshot
from training.data.loader import Batch, loader
from training.data.shards import Shards
from training.data.source import Source
from training.data.views import AUGMENTATIONS
from training.run import Run
from training.telemetry import Look, Record, Watch, bar
from training.validation import Held, measure

log = logging.getLogger("training")
SNAPSHOTS = "snapshots"


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a run stops to save and to tell; steps."""

    save_every: int = 2000
    look_every: int = 50
    keep: int = 3


def train(run: Run, source: Source | Shards, held: Held | None, out: Path, habits: Habits) -> None:
    """Takes `run` to its end, or to a SIGTERM, from the newest snapshot in `out`.

    `out/snapshots` is written as it goes, `out/metrics.jsonl` and `out/tensorboard` by the
    leading rank. Raises SnapshotMismatch, Diverged, or ValueError where the batch cannot be
    shared out evenly.
    """
    batch, size = run.recipe.batch, run.world.size
    if batch % size:
        raise ValueError(
            f"A batch of {batch} cannot be shared by {size} processes; set batch to "
            f"{batch // size * size or size}."
        )
    if (kept := snapshot.latest(out / SNAPSHOTS)) is not None:
        run.restore(kept, source.fingerprint)
        log.info("going on from %s", kept)
    with _stopping() as stop, _record(out, run) as record:
        Loop(run, source, held, out / SNAPSHOTS, record, habits)(stop)


@dataclass(frozen=True, slots=True)
class Loop:
    """What one pass over the steps reads, and where it writes and tells."""

    run: Run
    source: Source | Shards
    held: Held | None
    root: Path
    record: Record | None
    habits: Habits

    def __call__(self, stop: list[int]) -> None:
        """Steps to the end, or until `stop` holds a signal's number."""
        run, total = self.run, self.run.recipe.steps(self.run.images)
        watch = Watch(run, self.habits.look_every)
        run.backbone.train()
        with bar(run.recipe.name, total, run.step, shown=run.world.leads) as progress:
            for batch in _timed(self._batches(total), watch):
                outcome = run.update(batch)
                self._tell(watch.look(outcome, batch.skipped))
                progress.update(progress.task_ids[0], completed=run.step)
                self._validate(total)
                stopped = run.world.agree(bool(stop))
                if stopped or run.step % self.habits.save_every == 0 or run.step == total:
                    watch.judge(float(outcome.loss))  # a broken run must not replace a sound one
                    run.save(self.root, self.source.fingerprint, keep=self.habits.keep)
                if stopped:
                    log.info("stopped at step %d; the same command goes on from here", run.step)
                    return

    def _batches(self, total: int) -> Iterator[Batch]:
        recipe, world = self.run.recipe, self.run.world
        return loader(
            self.source,
            batch=recipe.batch // world.size,
            rank=world.rank,
            world=world.size,
            first_step=self.run.step,
            last_step=total,
            seed=recipe.seed,
            augmentation=AUGMENTATIONS[recipe.augmentation],
            workers=min(recipe.hardware.workers, os.cpu_count() or 1),
        )

    def _tell(self, seen: Look | None) -> None:
        if seen is not None and self.record is not None:
            self.record.add(seen, self.run)

    def _validate(self, total: int) -> None:
        """Looks at the held-out people as often as the recipe wants it, and keeps the best."""
        run, wanted = self.run, self.run.recipe.validation
        if wanted is None or self.held is None or self.record is None:
            return
        every = max(1, round(wanted.every * run.images / run.recipe.batch))
        if run.step % every == 0 or run.step == total:
            found = measure(run.trained, self.held)
            self.record.validated(run.step, found)
            best.keep(run, found, self.root)


def _timed(batches: Iterator[Batch], watch: Watch) -> Iterator[Batch]:
    """The same batches; the watch learns how long each was waited for."""
    batches = iter(batches)
    while True:
        with watch.waiting():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT: the loop ends after its step, with a snapshot."""
    caught: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda n, _: caught.append(n)) for number in numbers]
    try:
        yield caught
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _record(out: Path, run: Run) -> Iterator[Record | None]:
    record = Record(out, run.recipe) if run.world.leads else None
    try:
        yield record
    finally:
        if record is not None:
            record.close()
