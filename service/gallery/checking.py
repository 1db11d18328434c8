"""What is wrong with the files of a gallery, and what of it can be computed anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from service.gallery.derived import refused
from service.gallery.rows import COLLECTION, FACE, PERSON, CollectionRow, FaceRow, PersonRow
from service.gallery.sealing import Damaged, Vault
from service.gallery.slots import FIRST, Slot, spare
from service.gallery.sqlite import Database

# Kept by triggers, so each can be counted again.
_COUNTED: Final = {
    "persons.face_count": "(SELECT count(*) FROM faces WHERE person = persons.key)",
    "collections.person_count": "(SELECT count(*) FROM persons WHERE collection = collections.key)",
    "collections.face_count": """(SELECT count(*) FROM faces JOIN persons
        ON persons.key = faces.person WHERE persons.collection = collections.key)""",
}
_CROPS: Final = (
    "SELECT c.face, c.sealed FROM faces f JOIN crops c ON c.face = f.key WHERE f.person = ?"
)
Crops: TypeAlias = Mapping[int, bytes]  # by the face's key


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is wrong: `person` is quarantined for it, where it concerns one."""

    collection: str | None
    person: str | None
    what: str

    def __str__(self) -> str:
        subjects = {"collection": self.collection, "person": self.person}
        where = [f"{kind} {named!r}" for kind, named in subjects.items() if named is not None]
        return f"{', '.join(where) or 'gallery.db'}: {self.what}"


def check(database: Database) -> list[Found]:
    """Everything that is wrong, by reading everything; writes nothing."""
    with database.reading() as connection:
        return [
            *_structure(connection),
            *_copies(connection, database.vault),
            *_labels(connection, database.vault),
            *_people(connection, database.vault),
            *_counters(connection),
            *_snapshots(connection, database),
        ]


def repair(database: Database) -> list[str]:
    """Computes indexes, counters and key checks anew; what was done. Deletes nothing of anybody's.

    Counters stay while the file's structure is broken: faces might be missing, and a counter that
    knows of them is what keeps a template of the others from being used.
    """
    with database.reading() as connection:
        broken = list(_structure(connection))
        useless = list(refused(connection, database))
    done = []
    for path, collection, _ in useless:
        path.unlink()
        done.append(f"the snapshot of {collection!r} removed; a start reads {database.path.name}")
    with database.writing() as connection:
        connection.execute("REINDEX")
        done.append("indexes written anew")
        if list(_copies(connection, database.vault)):
            connection.execute("UPDATE vault SET sealed = ?", (database.vault.check(),))
            done.append("the copies of the key check written anew")
        if not broken:
            for counter, counted in _COUNTED.items():
                done += _recounted(connection, counter, counted)
    return done


def _structure(connection: sqlite3.Connection) -> Iterator[Found]:
    for pragma in ("integrity_check", "foreign_key_check"):
        for row in connection.execute(f"PRAGMA {pragma}"):
            if row != ("ok",):
                yield Found(None, None, f"{pragma}: {' '.join(map(str, row))}")


def _copies(connection: sqlite3.Connection, vault: Vault) -> Iterator[Found]:
    for key, check in connection.execute("SELECT key, sealed FROM vault").fetchall():
        if not vault.checks(check):
            yield Found(None, None, f"copy {key} of the key check is damaged")


def _labels(connection: sqlite3.Connection, vault: Vault) -> Iterator[Found]:
    for row in map(CollectionRow._make, connection.execute(COLLECTION).fetchall()):
        try:
            row.label(vault)
        except Damaged:
            yield Found(row.id, None, "its name and metadata are damaged")


def _people(connection: sqlite3.Connection, vault: Vault) -> Iterator[Found]:
    rows = map(CollectionRow._make, connection.execute(COLLECTION).fetchall())
    known = {row.key: (row.id, row.slots(vault, "").active) for row in rows}
    for row in connection.execute(f"{PERSON} ORDER BY p.key"):
        person = PersonRow(*row)
        query = f"{FACE} WHERE f.person = ? ORDER BY f.key"
        faces = [FaceRow(*face) for face in connection.execute(query, (person.key,))]
        collection, active = known.get(person.collection, (None, FIRST))
        crops = dict(connection.execute(_CROPS, (person.key,)).fetchall())
        for what in _faults(person, faces, vault, active, crops):
            yield Found(collection, person.id, what)


def _faults(
    person: PersonRow, faces: Sequence[FaceRow], vault: Vault, active: Slot, crops: Crops
) -> Iterator[str]:
    try:
        seal = person.seal(vault)
    except Damaged:
        yield "the key is damaged"
        return
    if not seal.fits(person.sealed, *person.place()):
        yield "name, external id and metadata are damaged"
    for face in faces:
        of = person.collection
        if not seal.fits(face.kept(active), *face.place(of, active)):
            yield f"the face {face.id!r} is damaged"
        other = face.kept(spare(active))
        if other is not None and not seal.fits(other, *face.place(of, spare(active))):
            yield f"what the face {face.id!r} is by another model is damaged"
        if face.key in crops and not seal.fits(crops[face.key], *face.place(of, "crop")):
            yield f"the crop of the face {face.id!r} is damaged"
    if len(faces) != person.face_count:
        yield f"{person.face_count} faces were enrolled, {len(faces)} are there"


def _counters(connection: sqlite3.Connection) -> Iterator[Found]:
    for column in ("person_count", "face_count"):
        counted = _COUNTED[f"collections.{column}"]
        query = f"SELECT id FROM collections WHERE {column} <> {counted}"  # noqa: S608 - our own
        for (id_,) in connection.execute(query):
            yield Found(id_, None, f"{column} is not what is there")


def _snapshots(connection: sqlite3.Connection, database: Database) -> Iterator[Found]:
    for _, collection, reason in refused(connection, database):
        yield Found(collection, None, f"its index snapshot is not used: {reason}")


def _recounted(connection: sqlite3.Connection, counter: str, counted: str) -> Iterator[str]:
    table, column = counter.split(".")
    changed = connection.execute(
        f"UPDATE {table} SET {column} = {counted} WHERE {column} <> {counted}"  # noqa: S608 - ours
    ).rowcount
    if changed:
        yield f"{counter} counted again in {changed} rows"
