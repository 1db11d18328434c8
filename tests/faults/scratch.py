"""Temporary directories without a disk, where what a sync costs is no part of the promise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

_SHARED: Final = Path("/dev/shm")  # noqa: S108 - the names in it are drawn by tempfile
MEMORY: Final = str(_SHARED) if _SHARED.is_dir() else gettempdir()


@contextmanager
def in_memory() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    with TemporaryDirectory(dir=MEMORY) as place:
        yield Path(place)
