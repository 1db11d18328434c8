"""`erasures.log`: the ledger of erasures beside the gallery, which survives the loss of `gallery.db`."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from service.durable import sync
from service.gallery.erasures import Entry, Erasures

logger = logging.getLogger(__name__)

FILE: Final = "erasures.log"
_TAIL: Final = 128  # bytes, more than a line has


class Ledger:
    """Lines of a time and a digest. What the table has is on the disk here, too, before an answer.

    Calls come from one thread at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0  # the key in the table of the last entry that is in the file

    def unknown(self, erasures: Erasures) -> set[Entry]:
        """The entries that the table lacks: `gallery.db` is a copy from before they were written."""
        last = erasures.last()
        if last is not None and _last_line(self._path) == _line(last[1]):
            self._written = last[0]
            return set()
        return set(read(self._path)) - {entry for _, entry in erasures.all()}

    def follow(self, erasures: Erasures) -> None:
        """Appends what the table has in addition. A full disk only delays it: see `catch_up`."""
        new = list(erasures.all(self._written))
        if not new:
            return
        try:
            _append(self._path, [_line(entry) for _, entry in new])
        except OSError as error:
            logger.warning("%s lacks %d erasures for now: %s", self._path, len(new), error.strerror)
        else:
            self._written = new[-1][0]

    def catch_up(self, erasures: Erasures) -> None:
        """Brings the file to the table at a start; one that ends otherwise is written anew."""
        last = erasures.last()
        if last is None or self._written == last[0]:
            return
        try:
            _replace(self._path, (_line(entry) for _, entry in erasures.all()))
        except OSError as error:
            logger.warning("%s could not be written anew: %s", self._path, error.strerror)
            self._written = 0
            return
        self._written = last[0]


def read(path: Path) -> Iterator[Entry]:
    """The entries of a ledger's file; what is not a whole line is left out. None without a file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") and (entry := _entry(line)) is not None:
                yield entry


def _line(entry: Entry) -> bytes:
    return f"{entry.erased_at} {entry.digest.hex()}\n".encode()


def _entry(line: bytes) -> Entry | None:
    erased_at, _, digest = line.decode("ascii", "replace").strip().partition(" ")
    try:
        return Entry(erased_at, bytes.fromhex(digest))
    except ValueError:
        return None


def _last_line(path: Path) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return (file.read().splitlines(keepends=True) or [b""])[-1]


def _append(path: Path, lines: Iterable[bytes]) -> None:
    """All of them and on the disk, or none. Raises OSError."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, lines)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if is_new:
        sync(path.parent)


def _replace(path: Path, lines: Iterable[bytes]) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    try:
        _append(new, lines)
        new.rename(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync(path.parent)


def _write_all(descriptor: int, lines: Iterable[bytes]) -> None:
    with os.fdopen(descriptor, "ab", closefd=False) as file:
        file.writelines(lines)
        file.flush()
        os.fsync(descriptor)
