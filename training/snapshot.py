"""A run on the disk: folders that are whole or absent, readable at another world size."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from training.checkpoint import cause
from training.head_shards import BadShards
from training.world import World

NAME = re.compile(r"^step-(\d{9})$")
STATE = "state.json"


class BadSnapshot(ValueError):
    """The snapshot cannot be read; the message says which and what to do."""


@contextmanager
def writing(partial: Path) -> Iterator[None]:
    """Around writing files of a snapshot: what the disk refuses is an OSError that says what to do.

    The unfinished folder goes, since what it holds may be what fills the disk. torch and
    safetensors have errors of their own for a full one.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OSError(
            f"{partial.with_suffix('')} could not be written ({cause(error)}); make room, then run the "
            "same command: it goes on from the snapshot before."
        ) from error


@contextmanager
def reading(kept: Path) -> Iterator[None]:
    """Around reading a snapshot: whatever a damaged file causes is a BadSnapshot."""
    try:
        yield
    except (
        OSError,
        EOFError,
        KeyError,
        RuntimeError,
        SafetensorError,
        BadShards,
        json.JSONDecodeError,
        pickle.UnpicklingError,
    ) as error:
        raise BadSnapshot(
            f"{kept} is damaged ({type(error).__name__}: {cause(error)}); delete it, and the run goes on "
            "from the snapshot before, or starts anew."
        ) from error


def folder(root: Path, step: int) -> Path:
    return root / f"step-{step:09d}"


def steps(root: Path) -> list[int]:
    """The steps of the whole snapshots under `root`, rising."""
    if not root.is_dir():
        return []
    return sorted(int(m[1]) for path in root.iterdir() if (m := NAME.match(path.name)))


def latest(root: Path) -> Path | None:
    """The newest whole snapshot under `root`, None where there is none."""
    found = steps(root)
    return folder(root, found[-1]) if found else None


def begin(root: Path, step: int, world: World) -> Path:
    """An empty folder that every rank may write its part to; `finish` makes it count."""
    partial = root / f"{folder(root, step).name}.partial"
    if world.leads:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    world.wait()
    return partial


def finish(partial: Path, state: dict[str, Any], world: World, *, keep: int) -> Path:
    """Flushes the folder to the disk and renames it; then drops all but the `keep` newest.

    A kill at any moment leaves the snapshots before it.
    """
    world.wait()
    whole = partial.with_suffix("")
    if world.leads:
        with writing(partial):
            complete(partial, state)
        for old in list(_older(whole.parent, keep)):
            shutil.rmtree(old)
    world.wait()
    return whole


def complete(partial: Path, state: dict[str, Any]) -> None:
    """Writes `state` beside the other files, flushes all to the disk, and drops `.partial`."""
    whole = partial.with_suffix("")
    (partial / STATE).write_text(json.dumps(state, indent=1) + "\n")
    for path in [*partial.iterdir(), partial]:
        _flush(path)
    if whole.exists():  # the same step again, after a resume from an earlier one
        shutil.rmtree(whole)
    partial.rename(whole)
    _flush(whole.parent)


def state(snapshot: Path) -> dict[str, Any]:
    """What `finish` wrote beside the weights."""
    kept: dict[str, Any] = json.loads((snapshot / STATE).read_text())
    return kept


def _older(root: Path, keep: int) -> Iterator[Path]:
    yield from (folder(root, step) for step in steps(root)[:-keep])


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
