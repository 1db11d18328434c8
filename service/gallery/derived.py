"""The files that are made from the database: which of them a start would not use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from service.gallery.index.snapshot import SnapshotRefused, check
from service.gallery.rows import COLLECTION, CollectionRow
from service.gallery.sources import Sources
from service.gallery.sqlite import Database

STRAY: Final = "index-*.snapshot.tmp"  # of a process that was killed while it wrote one


class Refused(NamedTuple):
    """A snapshot, its collection's id, and why it is not used."""

    path: Path
    collection: str
    reason: str


def snapshot_of(database: Database, collection: int) -> Path:
    """Where the snapshot of the collection's index is, if there is one."""
    return database.path.with_name(f"index-{collection}.snapshot")


def refused(connection: sqlite3.Connection, database: Database) -> Iterator[Refused]:
    """Every snapshot is read to its end.

    One whose key was destroyed is no fault: a kill came between a deletion and the file's end, and
    the next start removes it.
    """
    sources = Sources(connection, database.vault)
    for row in map(CollectionRow._make, connection.execute(COLLECTION).fetchall()):
        path, known = snapshot_of(database, row.key), sources.snapshot(row.key)
        if known is not None and path.exists():
            reason = _reason(path, *known, row.face_count)
            if reason is not None:
                yield Refused(path, row.id, reason)


def _reason(path: Path, key: bytes, revision: int, faces: int) -> str | None:
    try:
        header = check(path, key)
    except SnapshotRefused as error:
        return str(error)
    if header.revision != revision:
        return f"it is of revision {header.revision}, not {revision}"
    if header.count > faces:
        return f"it has {header.count} rows, for {faces} faces"
    return None
