"""Room on the disk that only deletions may use: a right to be forgotten does not wait for space."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

logger = logging.getLogger(__name__)

# What a checkpoint may add to the file before it can shorten the log, 4 MB at SQLite's default of
# 1,000 pages, and as much again for what is deleted.
SIZE: Final = 8 << 20  # bytes
PAGE: Final = 4096  # bytes; SQLite's default, which a gallery keeps
# Deleting a row can split a page of an index, where a longer key takes the deleted one's place.
_SPARE: Final = 64  # pages
_PROBE: Final = 1 << 20  # bytes, more than one write of SQLite's
_UNABLE: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})  # file systems without
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Reserve:
    """A file without content, of blocks that nobody else can take."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self.in_use = False
        self._hold()

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Its room is free within the block, for one caller at a time, and taken back after it."""
        with self._lock:
            with suppress(OSError):  # then there is no room in it, and a broken disk will tell
                self._path.unlink(missing_ok=True)
            self.in_use = True
            try:
                yield
            finally:
                self.in_use = False
                self._hold()

    def _hold(self) -> None:
        """Takes the room, if there is any; the next deletion tries again."""
        try:
            _allocate(self._path, SIZE)
        except OSError as error:
            logger.warning("no room is kept for deletions on a full disk: %s", error.strerror)


class Extent:
    """The blocks of the database file, taken before a commit writes its pages to the log.

    Otherwise pages could be committed for which a limit on the file's size has no room: no
    checkpoint could bring them over, and the log could never be emptied again.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._pages = 0  # at the last commit that needed more

    def hold(self, pages: int, *, last: bool) -> None:
        """Makes sure of room for `pages`, and of some to spare that only the `last` may do without.

        Raises OSError.
        """
        there = os.fstat(self._descriptor).st_size
        if pages <= self._pages and PAGE * pages <= there:
            return
        size = PAGE * (pages if last else pages + _SPARE)
        if there < size:
            try:
                os.posix_fallocate(self._descriptor, 0, size)
            except OSError as error:
                if error.errno not in _UNABLE:
                    raise
        self._pages = pages

    def close(self) -> None:
        os.close(self._descriptor)


def is_full(beside: Path, size: int) -> bool:
    """Whether there is no room for a file `beside` that is longer than `size` bytes."""
    try:
        _allocate(beside, size + _PROBE)
    except OSError as error:
        return error.errno in NO_ROOM
    else:
        return False
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _allocate(path: Path, size: int) -> None:
    """A file of `size` bytes on the disk, or none. Raises OSError."""
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
