"""Backups: the gallery as of one moment in one file, made while others write.

A line of JSON, the manifest; then `gallery.db`; then 32 bytes, the HMAC-SHA-256 of all before
them under a key that only the root key gives.
"""

from __future__ import annotations

import hmac
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from io import BufferedReader
from pathlib import Path
from threading import Lock
from typing import Final, TypeAlias
from uuid import uuid4

from service.errors import Overloaded, StorageFull
from service.gallery.protocol import Backup
from service.gallery.sealing import Vault
from service.gallery.sqlite import LEFTOVER, Database
from service.gallery.tables import stamp

FORMAT: Final = "adaface-backup-1"
CHUNK: Final = 1 << 20  # bytes
SIGNATURE: Final = 32  # bytes
_RETRY: Final = 5.0  # seconds
_REFUSED: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})
_ROOM: Final = 64 << 20  # bytes that a copy has to leave to those who enroll meanwhile
_Facts: TypeAlias = tuple[int, int, int, int, int]
Advance: TypeAlias = Callable[[int], object]  # is told how many more chunks are done


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself; `check` tells the right root key, `sha256` is of `gallery.db`."""

    format: str
    gallery: str
    check: str
    schema: int
    revision: int
    created_at: str
    collections: int
    persons: int
    faces: int
    size: int
    sha256: str

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


class Backups:
    """One at a time, as each needs as much room as the gallery takes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._made = Lock()

    def make(self, now: datetime) -> Backup:
        """Copies the gallery. What is acknowledged before this returns may be in it or not.

        What was acknowledged before the call is. Raises StorageFull, and Overloaded while another
        is made.
        """
        if not self._made.acquire(blocking=False):
            raise Overloaded(_RETRY)
        try:
            return self._make(now)
        finally:
            self._made.release()

    def _make(self, now: datetime) -> Backup:
        path = self._database.path.with_name(f"{LEFTOVER}{uuid4().hex}")

        def taken(connection: sqlite3.Connection) -> tuple[_Facts, BufferedReader]:
            """Before the next change, which may delete somebody: no file has them after that."""
            copy = path.open("rb")
            path.unlink()
            return _facts(connection), copy

        try:
            with _room(path), closing(_target(path)) as target:
                facts, copy = self._database.copy(target, taken)
        finally:
            path.unlink(missing_ok=True)
        vault = self._database.vault
        size, digest = _measured(copy)
        manifest = Manifest(
            FORMAT,
            vault.gallery.hex(),
            vault.check().hex(),
            *facts[:2],
            stamp(now),
            *facts[2:],
            size,
            digest,
        )
        name = f"gallery-{now:%Y%m%d-%H%M%S}.backup"
        line = manifest.line()
        return Backup(name, len(line) + size + SIGNATURE, _parts(vault, line, copy))


def signed(vault: Vault) -> hmac.HMAC:
    """What is to be fed with a backup, to its signature."""
    return hmac.new(vault.archiving, digestmod="sha256")


def _parts(vault: Vault, line: bytes, copy: BufferedReader) -> Iterator[bytes]:
    signature = signed(vault)
    with copy:
        signature.update(line)
        yield line
        for chunk in chunks(copy):
            signature.update(chunk)
            yield chunk
        yield signature.digest()


def chunks(file: BufferedReader) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _measured(copy: BufferedReader) -> tuple[int, str]:
    """Size and SHA-256 of the file, which is at its start afterwards."""
    digest = sha256()
    for chunk in chunks(copy):
        digest.update(chunk)
    size = copy.tell()
    copy.seek(0)
    return size, digest.hexdigest()


def _facts(connection: sqlite3.Connection) -> _Facts:
    """Schema, revision, and how many collections, persons and faces there are."""
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    (revision,) = connection.execute("SELECT value FROM revision").fetchone()
    query = """SELECT count(*), coalesce(sum(person_count), 0), coalesce(sum(face_count), 0)
        FROM collections"""
    return schema, revision, *connection.execute(query).fetchone()


def _target(path: Path) -> sqlite3.Connection:
    """A copy that a killed process leaves is thrown away: nothing has to be synced or undone."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


@contextmanager
def _room(path: Path) -> Iterator[None]:
    """Raises StorageFull before the disk is filled, or where it fills nevertheless."""
    full = StorageFull(
        "There is no room in the data directory for the copy that a backup is made from: as much as"
        " gallery.db takes. Nothing was changed."
    )
    needed = path.with_name("gallery.db").stat().st_size + _ROOM
    if shutil.disk_usage(path.parent).free < needed:
        raise full
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, sqlite3.Error) and code not in _REFUSED:
            raise
        raise full from error
