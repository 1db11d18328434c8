"""What the tables hold, read and written as the values of the protocol."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import uuid4

from service.errors import (
    CollectionExists,
    CollectionNotFound,
    FaceNotFound,
    InvalidRequest,
    PersonExists,
    PersonNotFound,
)
from service.gallery.cursors import cursor, key_after
from service.gallery.protocol import Collection, Face, Metadata, NewFace, NewPerson, Page, Person
from service.gallery.templates import FLOAT, Sample

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]

# An empty collection belongs to whichever bundle runs.
_COLLECTION = """SELECT key, id, name, metadata,
    CASE face_count WHEN 0 THEN :running ELSE bundle END,
    created_at, person_count, face_count FROM collections"""
_PERSON = "SELECT key, id, name, external_id, metadata, created_at, face_count FROM persons"
_FACE = "SELECT key, id, quality, norm, detection_score, created_at FROM faces"
_AMONG = "key IN (SELECT value FROM json_each(:keys))"  # any number of keys in one parameter
_SAMPLE = "SELECT faces.person, faces.embedding, faces.norm FROM faces"


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A value with the key of its row, which is never given to another."""

    key: int
    value: T


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a page is asked of: `name` ties the cursors to it."""

    name: str
    condition: str
    after: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Records:
    """The tables within one transaction; `running` is the id of the bundle in service.

    Raises CollectionNotFound, PersonNotFound and FaceNotFound for unknown ids.
    """

    connection: sqlite3.Connection
    running: str

    def collection(self, id: str) -> Kept[Collection]:
        found = self._one(f"{_COLLECTION} WHERE id = :id", id=id)
        if found is None:
            raise CollectionNotFound(f"There is no collection {id!r}.")
        return _collection(found)

    def collections(self, after: str | None, limit: int) -> Page[Collection]:
        where = _Listing("collections", "TRUE", after, limit)
        return self._page(_COLLECTION, where, _collection)

    def every_collection(self) -> list[Kept[Collection]]:
        return [_collection(row) for row in self._all(_COLLECTION)]

    def add_collection(self, id: str, name: str | None, metadata: Metadata) -> None:
        """Raises CollectionExists, and InvalidRequest for metadata that is not JSON."""
        if self._one("SELECT 1 FROM collections WHERE id = :id", id=id):
            raise CollectionExists(f"There is a collection {id!r} already.")
        self._run(
            "INSERT INTO collections (id, name, metadata, created_at)"
            " VALUES (:id, :name, :metadata, :now)",
            id=id,
            name=name,
            metadata=_json(metadata),
            now=_now(),
        )

    def remove_collection(self, key: int) -> None:
        self._run(
            "DELETE FROM faces WHERE person IN (SELECT key FROM persons WHERE collection = :key)",
            key=key,
        )
        self._run("DELETE FROM persons WHERE collection = :key", key=key)
        self._run("DELETE FROM collections WHERE key = :key", key=key)

    def person(self, collection: Kept[Collection], id: str) -> Kept[Person]:
        query = f"{_PERSON} WHERE collection = :collection AND id = :id"
        found = self._one(query, collection=collection.key, id=id)
        if found is None:
            raise PersonNotFound(f"The collection {collection.value.id!r} has no person {id!r}.")
        return _person(found)

    def persons(self, collection: int, after: str | None, limit: int) -> Page[Person]:
        where = _Listing(f"persons:{collection}", "collection = :of", after, limit)
        return self._page(_PERSON, where, _person, of=collection)

    def searchable(self, collection: int, keys: Sequence[int]) -> dict[int, Person]:
        """Those of the rows `keys` that are still persons of the collection with a face."""
        query = f"{_PERSON} WHERE collection = :collection AND face_count > 0 AND {_AMONG}"
        rows = self._all(query, collection=collection, keys=json.dumps(keys))
        return {kept.key: kept.value for kept in map(_person, rows)}

    def add_person(self, collection: int, new: NewPerson) -> str:
        """The person's id. Raises PersonExists, and InvalidRequest for metadata that is not JSON."""
        id_ = uuid4().hex if new.id is None else new.id
        taken = "SELECT 1 FROM persons WHERE collection = :collection AND id = :id"
        if self._one(taken, collection=collection, id=id_):
            raise PersonExists(f"The collection has a person {id_!r} already.")
        self._run(
            "INSERT INTO persons (collection, id, name, external_id, metadata, created_at)"
            " VALUES (:collection, :id, :name, :external_id, :metadata, :now)",
            collection=collection,
            id=id_,
            name=new.name,
            external_id=new.external_id,
            metadata=_json(new.metadata),
            now=_now(),
        )
        return id_

    def remove_person(self, key: int) -> None:
        self._run("DELETE FROM faces WHERE person = :key", key=key)
        self._run("DELETE FROM persons WHERE key = :key", key=key)

    def faces(self, person: int, after: str | None, limit: int) -> Page[Face]:
        where = _Listing(f"faces:{person}", "person = :of", after, limit)
        return self._page(_FACE, where, _face, of=person)

    def add_face(self, person: Kept[Person], new: NewFace) -> Face:
        """The face as it was kept; its vector is stored as little-endian float32."""
        id_, quality, score = uuid4().hex, new.quality, new.detection_score
        self._run(
            """INSERT INTO faces
                (id, person, embedding, norm, quality, detection_score, created_at)
                VALUES (:id, :person, :embedding, :norm, :quality, :detection_score, :now)""",
            id=id_,
            person=person.key,
            embedding=new.embedding.astype(FLOAT).tobytes(),
            norm=float(new.norm),
            quality=None if quality is None else float(quality),
            detection_score=None if score is None else float(score),
            now=_now(),
        )
        return _face(self._all(f"{_FACE} WHERE id = :id", id=id_)[0]).value

    def remove_face(self, person: Kept[Person], id: str) -> None:
        query = "DELETE FROM faces WHERE person = :person AND id = :id"
        if self._run(query, person=person.key, id=id).rowcount == 0:
            raise FaceNotFound(f"The person {person.value.id!r} has no face {id!r}.")

    def belong(self, collection: int) -> None:
        """The collection's faces are the running bundle's from now on."""
        self._run(
            "UPDATE collections SET bundle = :running WHERE key = :key AND face_count = 0",
            key=collection,
        )

    def samples(self, collection: int) -> Iterator[Sample]:
        """All faces of a collection, person by person; read to the end within the transaction."""
        return self._run(
            f"""{_SAMPLE} JOIN persons ON persons.key = faces.person
                WHERE persons.collection = :collection ORDER BY faces.person, faces.key""",
            collection=collection,
        )

    def samples_of(self, person: int) -> list[Sample]:
        return self._all(f"{_SAMPLE} WHERE person = :person ORDER BY key", person=person)

    def _page(
        self, select: str, where: _Listing, read: Callable[[Row], Kept[T]], **values: object
    ) -> Page[T]:
        query = f"{select} WHERE {where.condition} AND key > :first ORDER BY key LIMIT :limit"
        first = key_after(where.after, where.name)
        # One too many, to know whether there is a next page.
        rows = self._all(query, first=first, limit=where.limit + 1, **values)
        kept = [read(row) for row in rows[: where.limit]]
        following = cursor(where.name, kept[-1].key) if len(rows) > where.limit else None
        return Page([each.value for each in kept], following)

    def _run(self, query: str, **values: object) -> sqlite3.Cursor:
        return self.connection.execute(query, {"running": self.running, **values})

    def _one(self, query: str, **values: object) -> Row | None:
        return next(iter(self._all(query, **values)), None)

    def _all(self, query: str, **values: object) -> list[Any]:
        return self._run(query, **values).fetchall()


def _collection(row: Row) -> Kept[Collection]:
    key, id_, name, metadata, bundle, created_at, persons, faces = row
    created = datetime.fromisoformat(created_at)
    return Kept(key, Collection(id_, name, json.loads(metadata), bundle, created, persons, faces))


def _person(row: Row) -> Kept[Person]:
    key, id_, name, external_id, metadata, created_at, faces = row
    created = datetime.fromisoformat(created_at)
    return Kept(key, Person(id_, name, external_id, json.loads(metadata), created, faces))


def _face(row: Row) -> Kept[Face]:
    key, id_, quality, norm, score, created_at = row
    return Kept(key, Face(id_, quality, norm, score, datetime.fromisoformat(created_at)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _json(metadata: Metadata) -> str:
    try:
        return json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"The metadata is not JSON: {error}.") from error
