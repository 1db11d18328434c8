"""Room on the disk that only deletions may use: a right to be forgotten does not wait for space."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

logger = logging.getLogger(__name__)

# What a checkpoint may add to the file before it can shorten the log, 4 MB at SQLite's default of
# 1,000 pages, and as much again for what is deleted.
SIZE: Final = 8 << 20  # bytes


class Reserve:
    """A file without content, of blocks that nobody else can take."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._hold()

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Its room is free within the block, for one caller at a time, and taken back after it."""
        with self._lock:
            self._path.unlink(missing_ok=True)
            try:
                yield
            finally:
                self._hold()

    def _hold(self) -> None:
        """Takes the room, if there is any; the next deletion tries again."""
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, SIZE)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            logger.warning("no room is kept for deletions on a full disk: %s", error.strerror)
