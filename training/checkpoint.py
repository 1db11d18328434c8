"""Checkpoints that are whole or absent, and load without executing anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]


def save(path: Path, state: State) -> None:
    """Writes `state` beside `path`, flushes it to the disk, then renames it into place.

    A kill at any moment leaves the previous checkpoint. Raises OSError when the disk is full,
    again with the previous checkpoint intact.
    """
    partial = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def cause(error: Exception) -> str:
    """The first line of what `error` says, without torch's advice to load unprotected."""
    return str(error).strip().partition("\n")[0].partition(" In PyTorch")[0].rstrip(".")


def load(path: Path) -> State | None:
    """The checkpoint in `path`, or None where there is none yet.

    Raises pickle.UnpicklingError for anything but tensors and plain containers.
    """
    if not path.exists():
        return None
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    return state
