"""One process at a time in a run's folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "lock"


class FolderInUse(ValueError):
    """Another run writes to this folder; two would overwrite each other's snapshots."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Makes `folder` and holds it until the end of the block or of the process, however it ends.

    A POSIX lock, not flock: worker processes do not inherit it, so that those who outlive a
    killed run by some seconds do not keep the same command from going on. Raises FolderInUse.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(
                f"Another run is at work in {folder}; wait for its end, or choose another --out."
            ) from error
        yield
