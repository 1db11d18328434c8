"""The database file: opened by one process, durable at every commit, erasing what it deletes."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import Final

from service.errors import DataDirectoryUnusable, StorageFull
from service.gallery import killpoints
from service.gallery.encryption import encrypt, wipe
from service.gallery.keys import FILE, KeySource
from service.gallery.mending import mend
from service.gallery.migrations import MIGRATIONS, SEALED
from service.gallery.reserve import Reserve
from service.gallery.sealing import Damaged, Vault

logger = logging.getLogger(__name__)

NAME: Final = "gallery.db"

# EFBIG and EDQUOT reach us as IOERR_WRITE; a broken disk shows at the fsync, not at the write.
_FULL: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
)


class Database:
    """`gallery.db` in the data directory, with one connection to write and one to read.

    Readers do not wait for a writer's fsync. Both connections are behind locks, so that every
    method may be called from any thread.
    """

    def __init__(self, directory: Path, keys: KeySource | None = None) -> None:
        """Creates the directory and the file, or migrates it. Raises DataDirectoryUnusable.

        Without `keys` the root key is in the directory.
        """
        self.path = directory / NAME
        self.exclusive = RLock()  # held by whoever writes, until the index has followed
        self._reader_lock = Lock()
        with opening(directory), ExitStack() as opened:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened.callback(os.close, _lock(directory))
            mend(self.path.with_name(f"{self.path.name}-wal"))
            self._writer = _connect(self.path, opened)
            self.vault = _migrated(self._writer, keys or KeySource(directory / FILE))
            wipe(self._writer)
            self._reader = _connect(self.path, opened)
            self.reserve = Reserve(directory / "reserve")
            self._opened = opened.pop_all()
        self.erase()  # what a killed process had deleted may still be in the log

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A snapshot: what is committed now, and nothing committed later."""
        with self._reader_lock, _transaction(self._reader, "BEGIN"):
            yield self._reader

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, on disk when the block is left; an exception undoes all of it.

        Raises StorageFull when the disk is.
        """
        with self.exclusive, _storage(), _transaction(self._writer, "BEGIN IMMEDIATE"):
            yield self._writer
            self._writer.execute("UPDATE revision SET value = value + 1")
            killpoints.reached(killpoints.BEFORE_COMMIT)

    def revision(self) -> int:
        """How many transactions have been written; derived files compare it to their own."""
        with self.reading() as connection:
            return int(connection.execute("SELECT value FROM revision").fetchone()[0])

    def erase(self) -> None:
        """Empties the write-ahead log, where deleted rows live on until then.

        When SQLite merges pages it leaves stale copies of rows it moved between the used parts of
        a page (5 of 20,000 deleted persons). They are sealed, and their keys were overwritten.
        """
        with self.exclusive, self._reader_lock:  # a reader would keep the log alive
            try:
                blocked, *_ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                blocked = error
        if blocked:  # the deletion itself is committed; the next one empties the log
            logger.warning("deleted data is still in %s-wal: %s", self.path, blocked)

    def close(self) -> None:
        """Closes the file and lets other processes have it; a second call does nothing."""
        with self.exclusive, self._reader_lock:
            self._opened.close()


@contextmanager
def opening(directory: Path) -> Iterator[None]:
    """Whatever prevents opening becomes DataDirectoryUnusable."""
    try:
        yield
    except (OSError, sqlite3.Error, StorageFull, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise DataDirectoryUnusable(
            f"The data directory {directory} cannot be used: {reason}."
        ) from error


def _lock(directory: Path) -> int:
    """A descriptor that holds the directory for this process, also against a second gallery."""
    descriptor = os.open(directory / "gallery.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DataDirectoryUnusable(
            f"Another process uses the data directory {directory}; each needs its own."
        ) from None
    return descriptor


def _connect(path: Path, opened: ExitStack) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    opened.callback(connection.close)
    connection.text_factory = _text
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # NORMAL lost 1,456 of 2,000 acknowledged commits at power loss
        "secure_delete = ON",
        "foreign_keys = ON",
        "trusted_schema = OFF",
        "temp_store = MEMORY",  # no faces in temporary files
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _migrated(connection: sqlite3.Connection, keys: KeySource) -> Vault:
    """Brings the file forward, one committed step after the other, and opens its vault."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise DataDirectoryUnusable(
            f"The gallery {_file(connection)} has version {version}, written by a newer release; "
            f"this one reads up to {len(MIGRATIONS)}."
        )
    vault = Vault.new(keys.made()) if version < SEALED else _vault(connection, keys)
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script};")
        if number == SEALED:
            encrypt(connection, vault)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    return vault


def _vault(connection: sqlite3.Connection, keys: KeySource) -> Vault:
    """Raises DataDirectoryUnusable if the root key is not this gallery's."""
    root = keys.key()
    for (check,) in connection.execute("SELECT sealed FROM vault ORDER BY key").fetchall():
        try:
            return Vault.opened(root, check)
        except Damaged:  # a flipped bit, if the other copy can be opened
            continue
    raise DataDirectoryUnusable(
        f"The root key from {keys} is not the one {_file(connection)} is encrypted with; "
        "give the key that was made with this gallery."
    )


def _text(stored: bytes) -> str:
    """A flipped bit makes it another text, which no seal fits, and not an error of its own."""
    return stored.decode(errors="replace")


def _file(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA database_list").fetchone()[2])


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back when the disk is full
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) not in _FULL:
            raise
        raise StorageFull(
            "The disk of the data directory is full or its quota is used up; nothing was changed."
        ) from error
