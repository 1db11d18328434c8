"""A run on the disk: folders that are whole or absent, readable at another world size."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.world import World

NAME = re.compile(r"^step-(\d{9})$")
STATE = "state.json"


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
        (partial / STATE).write_text(json.dumps(state, indent=1) + "\n")
        for path in [*partial.iterdir(), partial]:
            _flush(path)
        if whole.exists():  # the same step again, after a resume from an earlier one
            shutil.rmtree(whole)
        partial.rename(whole)
        _flush(whole.parent)
        for old in list(_older(whole.parent, keep)):
            shutil.rmtree(old)
    world.wait()
    return whole


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
