"""The gallery on one machine: SQLite is the truth, FAISS answers, and what is told is on disk."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.errors import BundleMismatch, InvalidEmbedding, StorageFull
from service.gallery import killpoints
from service.gallery.commits import Commits
from service.gallery.index import Index
from service.gallery.indexes import LARGE, Indexes
from service.gallery.keys import KeySource
from service.gallery.protocol import (
    Candidate,
    Collection,
    Face,
    Metadata,
    NewFace,
    NewPerson,
    Page,
    Person,
    Vectors,
)
from service.gallery.records import Effects, Records
from service.gallery.rows import CollectionRow
from service.gallery.sources import Sources
from service.gallery.sqlite import Database, opening

T = TypeVar("T")
logger = logging.getLogger(__name__)

DEFAULT: Final = "default"  # the collection that always exists
_UNIT: Final = 1e-3  # how far from 1 the length of a unit vector may be; float16 sources reach 5e-4


class LocalGallery:
    """A `Gallery` in a directory: every change is committed, then indexed, then answered.

    Changes wait for each other; searches and listings do not wait for them. Deleting `default`
    empties it and makes it anew.
    """

    def __init__(self, database: Database, *, bundle: str, dimension: int, large: int) -> None:
        self._database = database
        self._bundle = bundle
        self._dimension = dimension
        self._indexes = Indexes(database, dimension, large)  # of the collections of our bundle
        self._commit = Commits(database, self._records, self._settle)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        bundle: str,
        dimension: int,
        keys: KeySource | None = None,
        large: int = LARGE,
    ) -> Self:
        """Opens or creates the gallery and loads its templates, of `dimension` values.

        Collections of `large` persons are read from snapshots, or else in the background.
        Without `keys` the root key is in the directory, and made with a new gallery. Raises
        DataDirectoryUnusable: not writable, not a gallery, not of that root key, or in use by
        another process.
        """
        database = Database(directory, keys)
        gallery = cls(database, bundle=bundle, dimension=dimension, large=large)
        try:
            with opening(directory):
                gallery._load()
        except BaseException:
            database.close()
            raise
        return gallery

    def create_collection(self, id: str, name: str | None, metadata: Metadata) -> Collection:
        def change(records: Records) -> Collection:
            records.add_collection(id, name, metadata)
            return records.collection(id)

        return self._commit(change)

    def collection(self, id: str) -> Collection:
        with self._reading() as records:
            return records.collection(id)

    def collections(self, after: str | None, limit: int) -> Page[Collection]:
        with self._reading() as records:
            return records.collections(after, limit)

    def delete_collection(self, id: str) -> None:
        def change(records: Records) -> None:
            records.remove_collection(records.place(id))
            if id == DEFAULT:
                records.add_collection(id, None, {})

        self._remove(change)

    def create_person(self, collection: str, person: NewPerson) -> Person:
        def change(records: Records) -> Person:
            into = records.place(collection)
            return records.person(into, records.add_person(into, person))

        return self._commit(change)

    def person(self, collection: str, person: str) -> Person:
        with self._reading() as records:
            return records.person(records.place(collection), person)

    def persons(self, collection: str, after: str | None, limit: int) -> Page[Person]:
        with self._reading() as records:
            return records.persons(records.place(collection), after, limit)

    def delete_person(self, collection: str, person: str) -> None:
        def change(records: Records) -> None:
            records.remove_person(records.owner(records.place(collection), person))

        self._remove(change)

    def enroll(self, collection: str, person: str, faces: Sequence[NewFace]) -> list[Face]:
        """All faces or none. Raises InvalidEmbedding too."""

        def change(records: Records) -> list[Face]:
            into = self._ours(records, collection)
            owner = records.sound(into, person)
            records.belong(into)
            return [records.add_face(owner, face) for face in faces]

        for face in faces:
            self._check_face(face)
        return self._commit(change)

    def faces(self, collection: str, person: str, after: str | None, limit: int) -> Page[Face]:
        with self._reading() as records:
            owner = records.sound(records.place(collection), person)
            return records.faces(owner, after, limit)

    def delete_face(self, collection: str, person: str, face: str) -> None:
        def change(records: Records) -> None:
            records.remove_face(records.owner(records.place(collection), person), face)

        self._remove(change)

    def size(self, collection: str) -> int:
        """As the protocol says; raises BundleMismatch as the search would."""
        _, index = self._index(collection)
        return len(index)

    def search(self, collection: str, probes: Vectors, limit: int) -> list[list[Candidate]]:
        """As the protocol says; equals come in the order they were created. Raises InvalidEmbedding.

        A person deleted meanwhile is left out, and its place is not filled.
        """
        self._check_vectors(probes, (len(probes), self._dimension))
        key, index = self._index(collection)
        rows, cosines = index.search(probes, limit)
        with self._reading() as records:
            known = records.searchable(key, np.unique(rows).tolist())
        return [
            [
                Candidate(known[row], cosine)
                for row, cosine in zip(near, similar, strict=True)
                if row in known
            ]
            for near, similar in zip(rows.tolist(), cosines.tolist(), strict=True)
        ]

    def close(self) -> None:
        self._indexes.close()
        self._database.close()

    @contextmanager
    def _reading(self) -> Iterator[Records]:
        with self._database.reading() as connection:
            yield self._records(connection)

    def _records(self, connection: sqlite3.Connection) -> Records:
        return Records(connection, self._bundle, self._database.vault)

    def _load(self) -> None:
        with self._reading() as records:
            kept = records.places()
            own = [(row.key, row.face_count) for row in kept if self._is_own(records, row)]
        if not any(row.id == DEFAULT for row in kept):
            self.create_collection(DEFAULT, None, {})
        self._indexes.start(own, self._applied)

    def _applied(self, change: Callable[[Sources], T]) -> T:
        return self._commit(lambda each: change(Sources(each.connection, each.vault)))

    def _remove(self, change: Callable[[Records], None]) -> None:
        """Commits a deletion; on a full disk in the room that is kept for it."""
        try:
            self._commit(change)
        except StorageFull:
            with self._database.reserve.spent():
                self._database.erase()  # a shorter log is the first room there is
                self._commit(change)

    def _is_own(self, records: Records, row: CollectionRow) -> bool:
        """Whether the collection can be searched with our bundle."""
        return records.belongs(row) == self._bundle

    def _index(self, collection: str) -> tuple[int, Index]:
        """The collection's key and index. Raises IndexBuilding."""
        with self._reading() as records:
            key = self._ours(records, collection).key
        return key, self._indexes.get(key)

    def _settle(self, committed: Sequence[Effects]) -> None:
        """Brings indexes and files to what was just committed."""
        persons = set().union(*(each.persons for each in committed))
        erased = set().union(*(each.erased for each in committed))
        if persons:
            killpoints.reached(killpoints.AFTER_COMMIT)
        for collection in set().union(*(each.collections for each in committed)):
            self._indexes.drop(collection)
        for collection, person in sorted(persons):
            if not self._indexes.follow(collection, person):
                self._read_anew(collection)
        if erased:
            self._indexes.erase(erased)
            self._database.erase()
        if persons:
            killpoints.reached(killpoints.AFTER_INDEX)

    def _read_anew(self, collection: int) -> None:
        """Reads the collection's index, if it is of our bundle; else, or failing, it has none."""
        self._indexes.forget(collection)
        with self._reading() as records:
            rows = [row for row in records.places() if row.key == collection]
            ours = [row for row in rows if self._is_own(records, row)]
        try:
            for row in ours:
                self._indexes.read(row.key)
        except Exception:
            logger.exception("reading an index failed; the next search tries again")

    def _ours(self, records: Records, collection: str) -> CollectionRow:
        row = records.place(collection)
        if (bundle := records.belongs(row)) != self._bundle:
            raise BundleMismatch(
                f"The faces of the collection {collection!r} were enrolled with the model"
                f" {bundle!r} and cannot be compared with those of {self._bundle!r}, which"
                " runs now; run that model, or enroll into another collection."
            )
        return row

    def _check_face(self, face: NewFace) -> None:
        self._check_vectors(face.embedding[np.newaxis], (1, self._dimension))
        if not (np.isfinite(face.norm) and face.norm > 0):
            raise InvalidEmbedding(f"The norm of an embedding is positive, not {face.norm}.")

    def _check_vectors(self, vectors: NDArray[Any], shape: tuple[int, int]) -> None:
        """Both are needed: one NaN in the index would spoil the order of every search."""
        if vectors.shape != shape:
            raise InvalidEmbedding(
                f"An embedding of {self._bundle!r} has {self._dimension} values,"
                f" not {vectors.shape[-1]}."
            )
        lengths = np.linalg.norm(vectors, axis=1)
        if not np.all(np.abs(lengths - 1) <= _UNIT):  # false for NaN, too
            raise InvalidEmbedding("An embedding has to be finite and of length 1.")
