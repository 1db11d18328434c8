"""What the tables hold, read and written as the values of the protocol."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import uuid4

from service.errors import (
    CollectionExists,
    CollectionNotFound,
    FaceNotFound,
    PersonExists,
    PersonNotFound,
    TemplateCorrupt,
)
from service.gallery.contents import Label, Profile, packed, written
from service.gallery.cursors import cursor, key_after
from service.gallery.encryption import following, new_secret
from service.gallery.protocol import Collection, Face, Metadata, NewFace, NewPerson, Page, Person
from service.gallery.rows import (
    COLLECTION,
    FACE,
    PERSON,
    CollectionRow,
    FaceRow,
    PersonRow,
    opened_faces,
)
from service.gallery.sealing import WRAPPED, Damaged, Vault

T = TypeVar("T")
R = TypeVar("R", CollectionRow, PersonRow, FaceRow)
logger = logging.getLogger(__name__)

_AMONG = "p.key IN (SELECT value FROM json_each(:keys))"  # any number of keys in one parameter
REVISION = "(SELECT value + 1 FROM revision)"  # of the transaction that is being written


@dataclass(frozen=True, slots=True)
class _Listing(Generic[R]):
    """What a page is asked of: `name` ties the cursors to it."""

    name: str
    select: str
    key: str
    row: Callable[..., R]
    after: str | None
    limit: int


@dataclass(slots=True)
class Effects:
    """What a transaction changed for those who keep a copy, all by key.

    `persons` have other faces than before; what is gone has to leave the files.
    """

    persons: set[tuple[int, int]] = field(default_factory=set)  # collection, person
    collections: set[int] = field(default_factory=set)  # gone
    erased: set[int] = field(default_factory=set)  # collections of which something is gone


@dataclass(frozen=True, slots=True)
class Records:
    """The tables within one transaction; `running` is the id of the bundle in service.

    Raises CollectionNotFound, PersonNotFound and FaceNotFound for unknown ids, TemplateCorrupt
    for rows that are not as they were written. Listings leave those out.
    """

    connection: sqlite3.Connection
    running: str
    vault: Vault
    effects: Effects = field(default_factory=Effects)

    def place(self, id: str) -> CollectionRow:
        """The collection's row; nothing in it needs to be readable."""
        # By its key, so that the id is the row's: where only an index is right, the seal tells.
        key = "(SELECT key FROM collections WHERE id = :id)"
        found = self._one(f"{COLLECTION} WHERE c.key = {key}", id=id)
        if found is None:
            raise CollectionNotFound(f"There is no collection {id!r}.")
        return CollectionRow(*found)

    def collection(self, id: str) -> Collection:
        try:
            return self.place(id).opened(self.vault, self.running)
        except Damaged as error:
            raise TemplateCorrupt(
                f"The name and the metadata of the collection {id!r} are damaged on the disk; its"
                " persons are not. Restore a backup, or move them into another collection."
            ) from error

    def belongs(self, row: CollectionRow) -> str:
        """The id of the bundle that the collection's faces are of."""
        return row.belongs(self.vault, self.running)

    def collections(self, after: str | None, limit: int) -> Page[Collection]:
        where = _Listing(
            "collections", f"{COLLECTION} WHERE TRUE", "c.key", CollectionRow, after, limit
        )
        return self._page(where, lambda row: row.opened(self.vault, self.running))

    def places(self) -> list[CollectionRow]:
        return [CollectionRow(*row) for row in self._all(COLLECTION)]

    def add_collection(self, id: str, name: str | None, metadata: Metadata) -> None:
        """Raises CollectionExists, and InvalidRequest for metadata that is not JSON."""
        if self._one("SELECT 1 FROM collections WHERE id = :id", id=id):
            raise CollectionExists(f"There is a collection {id!r} already.")
        label, now, key = written(Label(name, metadata, None)), _now(), self._next("collections")
        secret, seal = new_secret(self.connection, self.vault)
        self._run(
            "INSERT INTO collections (key, id, created_at, secret, sealed)"
            " VALUES (:key, :id, :now, :secret, :sealed)",
            key=key,
            id=id,
            now=now,
            secret=secret,
            sealed=seal.close(label, "collection", key, now, id),
        )

    def remove_collection(self, row: CollectionRow) -> None:
        """Removes the collection and its persons; their keys first, which is what counts."""
        self.effects.collections.add(row.key)
        self._destroy_snapshot(row.key)
        self._run("DELETE FROM snapshots WHERE collection = :key", key=row.key)
        self._destroy(
            "key = :secret OR key IN (SELECT secret FROM persons WHERE collection = :key)",
            secret=row.secret,
            key=row.key,
        )
        self._delete(
            "DELETE FROM faces WHERE person IN (SELECT key FROM persons WHERE collection = :key)",
            key=row.key,
        )
        self._delete("DELETE FROM persons WHERE collection = :key", key=row.key)
        self._delete("DELETE FROM collections WHERE key = :key", key=row.key)

    def owner(self, collection: CollectionRow, id: str) -> PersonRow:
        """The person's row; nothing in it needs to be readable."""
        key = "(SELECT key FROM persons WHERE collection = :collection AND id = :id)"
        found = self._one(f"{PERSON} WHERE p.key = {key}", collection=collection.key, id=id)
        if found is None:
            raise PersonNotFound(f"The collection {collection.id!r} has no person {id!r}.")
        return PersonRow(*found)

    def sound(self, collection: CollectionRow, id: str) -> PersonRow:
        """The person's row, all of whose faces can be read."""
        row = self.owner(collection, id)
        try:
            opened_faces(row, self._faces(row.key), self.vault)
        except Damaged as error:
            raise TemplateCorrupt(
                f"What is stored of the person {id!r} in {collection.id!r} is damaged on the disk,"
                " so searches leave the person out. Delete and enroll them again, or restore a"
                " backup."
            ) from error
        return row

    def person(self, collection: CollectionRow, id: str) -> Person:
        return self.sound(collection, id).opened(self.vault)

    def persons(self, collection: CollectionRow, after: str | None, limit: int) -> Page[Person]:
        select = f"{PERSON} WHERE p.collection = :of"
        where = _Listing(f"persons:{collection.key}", select, "p.key", PersonRow, after, limit)
        return self._page(where, lambda row: row.opened(self.vault), of=collection.key)

    def searchable(self, collection: int, keys: Sequence[int]) -> dict[int, Person]:
        """Those of the rows `keys` that are still readable persons of the collection with a face."""
        query = f"{PERSON} WHERE p.collection = :collection AND p.face_count > 0 AND {_AMONG}"
        rows = self._all(query, collection=collection, keys=json.dumps(keys))
        return dict(_opened(map(PersonRow._make, rows), lambda row: row.opened(self.vault)))

    def add_person(self, collection: CollectionRow, new: NewPerson) -> str:
        """The person's id. Raises PersonExists, and InvalidRequest for metadata that is not JSON."""
        id_ = uuid4().hex if new.id is None else new.id
        taken = "SELECT 1 FROM persons WHERE collection = :collection AND id = :id"
        if self._one(taken, collection=collection.key, id=id_):
            raise PersonExists(f"The collection has a person {id_!r} already.")
        profile = written(Profile(new.name, new.external_id, new.metadata))
        now, key = _now(), self._next("persons")
        secret, seal = new_secret(self.connection, self.vault)
        self._run(
            "INSERT INTO persons (key, collection, id, created_at, secret, sealed)"
            " VALUES (:key, :collection, :id, :now, :secret, :sealed)",
            key=key,
            collection=collection.key,
            id=id_,
            now=now,
            secret=secret,
            sealed=seal.close(profile, "person", collection.key, key, now, id_),
        )
        return id_

    def remove_person(self, row: PersonRow) -> None:
        self.effects.persons.add((row.collection, row.key))
        self._destroy_snapshot(row.collection)
        self._destroy("key = :secret", secret=row.secret)
        self._delete("DELETE FROM faces WHERE person = :key", key=row.key)
        self._delete("DELETE FROM persons WHERE key = :key", key=row.key)

    def faces(self, person: PersonRow, after: str | None, limit: int) -> Page[Face]:
        """Of a sound person."""
        select, seal = f"{FACE} WHERE f.person = :of", person.seal(self.vault)
        where = _Listing(f"faces:{person.key}", select, "f.key", FaceRow, after, limit)
        return self._page(where, lambda row: row.opened(seal, person.collection), of=person.key)

    def add_face(self, person: PersonRow, new: NewFace) -> Face:
        """The face as it was kept; its vector is stored as little-endian float32."""
        self.effects.persons.add((person.collection, person.key))
        seal = person.seal(self.vault)
        row = FaceRow(self._next("faces"), uuid4().hex, person.key, _now(), b"")
        sealed = seal.close(packed(new), *row.place(person.collection))
        self._run(
            "INSERT INTO faces (key, id, person, created_at, sealed)"
            " VALUES (:key, :id, :person, :created_at, :sealed)",
            **row._asdict() | {"sealed": sealed},
        )
        query = f"UPDATE persons SET changed = {REVISION} WHERE key = :key"  # noqa: S608 - ours
        self._run(query, key=person.key)
        return row._replace(sealed=sealed).opened(seal, person.collection)

    def remove_face(self, person: PersonRow, id: str) -> None:
        """Copies of the face cannot be read any more either: the person gets another key."""
        self.effects.persons.add((person.collection, person.key))
        self._destroy_snapshot(person.collection)
        query = "DELETE FROM faces WHERE person = :person AND id = :id"
        if self._delete(query, person=person.key, id=id) == 0:
            raise FaceNotFound(f"The person {person.id!r} has no face {id!r}.")
        try:
            self._rekey(person)
        except Damaged:  # what is left cannot be sealed anew, only deleted
            quarantined(person)

    def _rekey(self, person: PersonRow) -> None:
        """Seals all that is kept of a person under a new key, which overwrites the old one."""
        old, faces = person.seal(self.vault), self._faces(person.key)
        wrapped, _ = self.vault.fresh(person.secret)
        new = self.vault.seal(person.secret, wrapped)
        sealed = [
            {"key": row.key, "sealed": old.resealed(new, row.sealed, *row.place(person.collection))}
            for row in faces
        ]
        profile = old.resealed(new, person.sealed, *person.place())
        for values in sealed:
            self._run("UPDATE faces SET sealed = :sealed WHERE key = :key", **values)
        query = "UPDATE persons SET sealed = :sealed WHERE key = :key"
        self._run(query, sealed=profile, key=person.key)
        query = "UPDATE secrets SET wrapped = :wrapped WHERE key = :key"
        self._run(query, wrapped=wrapped, key=person.secret)

    def belong(self, row: CollectionRow) -> None:
        """The collection's faces are the running bundle's from now on, if it has none yet."""
        if row.face_count:
            return
        values: dict[str, object] = {"bundle": self.running, "sealed": row.sealed}
        try:
            label = row.label(self.vault)._replace(bundle=self.running)
        except Damaged:
            logger.warning("the label of collection %d is damaged; it stays so", row.key)
        else:
            values["sealed"] = row.seal(self.vault).close(written(label), *row.place())
        query = "UPDATE collections SET bundle = :bundle, sealed = :sealed WHERE key = :key"
        self._run(query, key=row.key, **values)

    def _destroy_snapshot(self, collection: int) -> None:
        self.effects.erased.add(collection)
        which = "key = (SELECT secret FROM snapshots WHERE collection = :of)"
        self._destroy(which, of=collection)

    def _faces(self, person: int) -> list[FaceRow]:
        rows = self._all(f"{FACE} WHERE f.person = :person ORDER BY f.key", person=person)
        return [FaceRow(*row) for row in rows]

    def _page(self, where: _Listing[R], opened: Callable[[R], T], **values: object) -> Page[T]:
        query = f"{where.select} AND {where.key} > :first ORDER BY {where.key} LIMIT :limit"
        first = key_after(where.after, where.name, self.vault.signing)
        # One too many, to know whether there is a next page.
        rows = self._all(query, first=first, limit=where.limit + 1, **values)
        kept = [where.row(*row) for row in rows[: where.limit]]
        following = (
            cursor(where.name, kept[-1].key, self.vault.signing)
            if len(rows) > where.limit
            else None
        )
        return Page([value for _, value in _opened(kept, opened)], following)

    def _destroy(self, which: str, **values: object) -> None:
        """Overwrites keys: what they sealed cannot be read any more, wherever copies of it lie."""
        query = "UPDATE secrets SET wrapped = zeroblob(:size) WHERE " + which  # noqa: S608 - ours
        self._run(query, size=WRAPPED, **values)

    def _delete(self, query: str, **values: object) -> int:
        """How many rows were deleted, also where a flipped bit set a row apart from its index."""
        try:
            return self._run(query, **values).rowcount
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_CORRUPT_INDEX:
                raise
        self._run("REINDEX")
        return self._run(query, **values).rowcount

    def _next(self, table: str) -> int:
        return following(self.connection, table)

    def _run(self, query: str, **values: object) -> sqlite3.Cursor:
        return self.connection.execute(query, values)

    def _one(self, query: str, **values: object) -> tuple[Any, ...] | None:
        return next(iter(self._all(query, **values)), None)

    def _all(self, query: str, **values: object) -> list[Any]:
        return self._run(query, **values).fetchall()


def _opened(rows: Iterable[R], opened: Callable[[R], T]) -> Iterator[tuple[int, T]]:
    """Keys and values of the rows that are as they were written."""
    for row in rows:
        try:
            yield row.key, opened(row)
        except Damaged:
            quarantined(row)


def quarantined(row: CollectionRow | PersonRow | FaceRow) -> None:
    logger.error(
        "the %s with row %d is damaged on the disk and left out; `adaface fsck` says more",
        type(row).__name__.removesuffix("Row").lower(),
        row.key,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
