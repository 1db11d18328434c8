"""The database file: opened by one process, durable at every commit, erasing what it deletes."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import Final, TypeVar

from service.errors import DataDirectoryUnusable, StorageFailed, StorageFull
from service.gallery import killpoints
from service.gallery.encryption import blind, encrypt, wipe
from service.gallery.keys import FILE, KeySource
from service.gallery.mending import mend
from service.gallery.migrations import BLINDED, MIGRATIONS, SEALED
from service.gallery.reserve import NO_ROOM, Extent, Reserve, is_full
from service.gallery.sealing import Damaged, Vault

T = TypeVar("T")
logger = logging.getLogger(__name__)

NAME: Final = "gallery.db"
LEFTOVER: Final = "unfinished-"  # how names begin of what nobody needs after a kill
_STEP: Final = 256  # pages, 1 MB, copied in 1 ms while changes wait
_PAUSE: Final = 0.001  # seconds in which they get their turn

_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_ELSE: Final = frozenset(  # I/O errors that say nothing of what was written
    {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_NOMEM}
)
_AFTER: Final = {SEALED: encrypt, BLINDED: blind}  # what a step does that SQL cannot


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
        self._failed = self._closed = False
        with opening(directory), ExitStack() as opened:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened.callback(os.close, lock(directory))
            _tidy(directory)
            self._log = self.path.with_name(f"{self.path.name}-wal")
            mend(self._log)
            self._extent = Extent(self.path)
            opened.callback(self._extent.close)  # after the connections, whose locks it would drop
            self._writer = _connect(self.path, opened)
            self.vault = _migrated(self._writer, keys or KeySource(directory / FILE))
            wipe(self._writer)
            self._reader = _connect(self.path, opened)
            self.reserve = Reserve(directory / "reserve")
            self.erase()  # what a killed process had deleted may still be in the log
            self._opened = opened.pop_all()

    @property
    def writable(self) -> bool:
        """False once the disk failed: see StorageFailed."""
        return not self._failed

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A snapshot: what is committed now, and nothing committed later."""
        with self._reader_lock, _transaction(self._reader, "BEGIN"):
            yield self._reader

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, on disk when the block is left; an exception undoes all of it.

        Raises StorageFull when the disk is, and StorageFailed from its first failure on. After
        that one alone it is not known whether the transaction will be there after a restart.
        """
        with self.exclusive, self._storage(), _transaction(self._writer, "BEGIN IMMEDIATE"):
            yield self._writer
            self._writer.execute("UPDATE revision SET value = value + 1")
            pages = self._writer.execute("PRAGMA page_count").fetchone()[0]
            self._extent.hold(pages, last=self.reserve.in_use)
            killpoints.reached(killpoints.BEFORE_COMMIT)

    def revision(self) -> int:
        """How many transactions have been written; derived files compare it to their own."""
        with self.reading() as connection:
            return int(connection.execute("SELECT value FROM revision").fetchone()[0])

    def copy(self, target: sqlite3.Connection, told: Callable[[sqlite3.Connection], T]) -> T:
        """Copies the file while others write; what `told` says of the moment that the copy is of.

        The writing connection reads it, in steps, so that SQLite brings the copy to each change
        that comes in between, and no reader keeps deleted rows in the log.
        """

        def turn(status: int, _left: int, _total: int) -> None:
            if status == sqlite3.SQLITE_DONE:
                return
            self.exclusive.release()
            try:
                time.sleep(_PAUSE)
                killpoints.reached(killpoints.DURING_BACKUP)
            finally:
                self.exclusive.acquire()
            if self._closed:
                raise StorageFailed("The service is being stopped; make the backup anew.")

        with self.exclusive:
            self._writer.backup(target, pages=_STEP, progress=turn)
            return told(self._writer)

    def erase(self) -> None:
        """Empties the write-ahead log, where deleted rows live on until then.

        When SQLite merges pages it leaves stale copies of rows it moved between the used parts of
        a page (5 of 20,000 deleted persons). They are sealed, and their keys were overwritten.
        Raises StorageFailed.
        """
        with self.exclusive, self._reader_lock:  # a reader would keep the log alive
            try:
                blocked, *_ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                self._is_full(error)
                blocked = error
        if blocked:  # the deletion itself is committed; the next one empties the log
            logger.warning("deleted data is still in %s-wal: %s", self.path, blocked)

    @contextmanager
    def _storage(self) -> Iterator[None]:
        """Whatever the disk refuses becomes StorageFull or StorageFailed."""
        if self._failed:
            raise StorageFailed(
                "The disk of the data directory failed before, so that nothing is changed until the"
                " service is restarted; searches go on. Check the disk."
            )
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if not self._is_full(error):
                raise
            self.erase()  # where the log is what cannot grow, the next change finds it short
            raise StorageFull(
                "The disk of the data directory is full or its quota is used up; nothing was"
                " changed."
            ) from error

    def _is_full(self, error: sqlite3.Error | OSError) -> bool:
        """Whether there was no room. Raises StorageFailed, now and for all writes, if the disk failed.

        After a failed fsync the kernel takes the pages for written, so that trying again proves
        nothing (PostgreSQL's rule since 2018); a start reads what really is on the disk.
        """
        if _says_full(error):
            return True
        if not _says_failed(error):
            return False
        if _code(error) == sqlite3.SQLITE_IOERR_WRITE:  # EFBIG and EDQUOT are that to SQLite, too
            beside = self.path.with_name(f"{LEFTOVER}probe")
            if is_full(beside, self._log.stat().st_size):
                return True
        self._failed = True
        logger.critical("nothing is written any more until a restart; the disk failed: %s", error)
        raise StorageFailed(
            f"The disk of the data directory failed ({error}), so that nothing is changed until the"
            " service is restarted. Whether this change was kept is seen then. Check the disk."
        ) from error

    def close(self) -> None:
        """Closes the file and lets other processes have it; a second call does nothing."""
        with self.exclusive, self._reader_lock:
            self._closed = True
            self._opened.close()


@contextmanager
def opening(directory: Path) -> Iterator[None]:
    """Whatever prevents opening becomes DataDirectoryUnusable."""
    try:
        yield
    except (OSError, sqlite3.Error, StorageFailed, StorageFull, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise DataDirectoryUnusable(
            f"The data directory {directory} cannot be used: {reason}."
        ) from error


def _tidy(directory: Path) -> None:
    """Removes what a killed process left of a backup, or of a gallery about to be restored."""
    for path in directory.glob(f"{LEFTOVER}*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def lock(directory: Path) -> int:
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
        if number in _AFTER:
            _AFTER[number](connection, vault)
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


def _says_full(error: sqlite3.Error | OSError) -> bool:
    return _code(error) in _FULL or getattr(error, "errno", None) in NO_ROOM


def _says_failed(error: sqlite3.Error | OSError) -> bool:
    """Or it was mounted anew, read-only, as ext4 does when it meets an error."""
    if isinstance(error, OSError):
        return error.errno in {errno.EIO, errno.EROFS}
    code = _code(error)
    kind = code & 0xFF
    return kind in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY} and code not in _ELSE


def _code(error: sqlite3.Error | OSError) -> int:
    """SQLite's extended result code; 0 for none."""
    return int(getattr(error, "sqlite_errorcode", 0))
