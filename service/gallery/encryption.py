"""Brings the rows of galleries written before encryption under keys."""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import Any, Final

import numpy as np

from service.gallery.contents import Label, Profile, packed, taken_over
from service.gallery.migrations import WITHOUT_PLAIN
from service.gallery.protocol import NewFace
from service.gallery.rows import PERSON, PersonRow
from service.gallery.sealing import Damaged, Seal, Vault
from service.gallery.templates import FLOAT

logger = logging.getLogger(__name__)
WIPE: Final = "wipe"  # the chore that is left: the file still has pages with plain bytes
_SHOWN: Final = 10_000  # faces between two lines of progress


def encrypt(connection: sqlite3.Connection, vault: Vault) -> None:
    """Seals every row and drops the plain columns, within the caller's transaction."""
    for _ in range(2):  # see migrations.py
        connection.execute("INSERT INTO vault (sealed) VALUES (?)", (vault.check(),))
    _collections(connection, vault)
    faces = _persons(connection, vault)
    for statement in WITHOUT_PLAIN:
        connection.execute(statement)
    if connection.execute("SELECT count(*) FROM collections").fetchone()[0]:
        connection.execute("INSERT INTO chores VALUES (?)", (WIPE,))
        logger.warning("encrypted what an older release had stored as it is; faces: %d", faces)


def blind(connection: sqlite3.Connection, vault: Vault) -> None:
    """Makes the external ids of galleries written before that findable, within the transaction."""
    for row in map(PersonRow._make, connection.execute(f"{PERSON} ORDER BY p.key")):
        try:
            external = row.profile(row.seal(vault)).external_id
        except Damaged:
            continue  # quarantined as before
        if external is not None:
            found = (vault.blinded(row.collection, external), row.key)
            connection.execute("UPDATE persons SET external = ? WHERE key = ?", found)


def wipe(connection: sqlite3.Connection) -> None:
    """Writes the file anew, so that no plain byte stays in it; if interrupted, the next start does."""
    if not connection.execute("SELECT 1 FROM chores WHERE name = ?", (WIPE,)).fetchone():
        return
    connection.execute("PRAGMA temp_store = FILE")  # it is as large as the gallery, and encrypted
    connection.execute("VACUUM")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("DELETE FROM chores WHERE name = ?", (WIPE,))


def new_secret(connection: sqlite3.Connection, vault: Vault) -> tuple[int, Seal]:
    """A key of its own for a row: its number and its seal."""
    number = following(connection, "secrets")
    wrapped, _ = vault.fresh(number)
    connection.execute("INSERT INTO secrets (key, wrapped) VALUES (?, ?)", (number, wrapped))
    return number, vault.seal(number, wrapped)


def following(connection: sqlite3.Connection, table: str) -> int:
    """The key that the table's next row gets; a row is sealed for its key before it is written."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
    return int((found.fetchone() or (0,))[0]) + 1


def _collections(connection: sqlite3.Connection, vault: Vault) -> None:
    query = "SELECT key, id, created_at, name, metadata, bundle FROM collections"
    for key, id_, created, name, metadata, bundle in connection.execute(query).fetchall():
        number, seal = new_secret(connection, vault)
        label = taken_over(Label(name, json.loads(metadata), bundle))
        sealed = seal.close(label, "collection", key, created, id_)
        _put(connection, "collections", number, sealed, key)


def _persons(connection: sqlite3.Connection, vault: Vault) -> int:
    """Seals persons and their faces; how many faces."""
    query = "SELECT key, collection, id, created_at, name, external_id, metadata FROM persons"
    done = 0
    for row in connection.execute(query).fetchall():
        key, collection, id_, created, name, external_id, metadata = row
        number, seal = new_secret(connection, vault)
        profile = taken_over(Profile(name, external_id, json.loads(metadata)))
        sealed = seal.close(profile, "person", collection, key, created, id_)
        _put(connection, "persons", number, sealed, key)
        before, done = done, done + _faces(connection, seal, collection, key)
        if done // _SHOWN > before // _SHOWN:
            logger.info("encrypting: %d faces", done)
    return done


def _put(connection: sqlite3.Connection, table: str, number: int, sealed: bytes, key: int) -> None:
    query = f"UPDATE {table} SET secret = ?, sealed = ? WHERE key = ?"  # noqa: S608 - our tables
    connection.execute(query, (number, sealed, key))


def _faces(connection: sqlite3.Connection, seal: Seal, collection: int, person: int) -> int:
    query = """SELECT key, id, created_at, embedding, norm, quality, detection_score
        FROM faces WHERE person = ? ORDER BY key"""
    rows: list[Any] = connection.execute(query, (person,)).fetchall()
    for key, id_, created, embedding, *figures in rows:
        content = packed(NewFace(np.frombuffer(embedding, FLOAT), *figures))
        sealed = seal.close(content, "face", collection, person, key, created, id_)
        connection.execute(
            "INSERT INTO sealed_faces (key, id, person, sealed, created_at) VALUES (?, ?, ?, ?, ?)",
            (key, id_, person, sealed, created),
        )
    return len(rows)
