"""The gallery on one machine: SQLite is the truth, FAISS answers, and what is told is on disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from service.errors import BundleMismatch, InvalidEmbedding
from service.gallery.index import Index
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
from service.gallery.records import Kept, Records
from service.gallery.sqlite import Database, opening
from service.gallery.templates import templates

logger = logging.getLogger(__name__)

DEFAULT: Final = "default"  # the collection that always exists
_UNIT: Final = 1e-3  # how far from 1 the length of a unit vector may be; float16 sources reach 5e-4


class LocalGallery:
    """A `Gallery` in a directory: every change is committed, then indexed, then answered.

    Changes wait for each other; searches and listings do not wait for them. Deleting `default`
    empties it and makes it anew.
    """

    def __init__(self, database: Database, *, bundle: str, dimension: int) -> None:
        self._database = database
        self._bundle = bundle
        self._dimension = dimension
        self._indexes: dict[int, Index] = {}  # by the collection's key, if it is of our bundle

    @classmethod
    def open(cls, directory: Path, *, bundle: str, dimension: int) -> Self:
        """Opens or creates the gallery and loads its templates, of `dimension` values.

        Raises DataDirectoryUnusable: not writable, not a gallery, or in use by another process.
        """
        database = Database(directory)
        gallery = cls(database, bundle=bundle, dimension=dimension)
        try:
            with opening(directory):
                gallery._load()
        except BaseException:
            database.close()
            raise
        return gallery

    def create_collection(self, id: str, name: str | None, metadata: Metadata) -> Collection:
        with self._writing() as records:
            records.add_collection(id, name, metadata)
            return records.collection(id).value

    def collection(self, id: str) -> Collection:
        with self._reading() as records:
            return records.collection(id).value

    def collections(self, after: str | None, limit: int) -> Page[Collection]:
        with self._reading() as records:
            return records.collections(after, limit)

    def delete_collection(self, id: str) -> None:
        with self._database.exclusive:
            with self._writing() as records:
                key = records.collection(id).key
                records.remove_collection(key)
                if id == DEFAULT:
                    records.add_collection(id, None, {})
            self._indexes.pop(key, None)
            self._database.erase()

    def create_person(self, collection: str, person: NewPerson) -> Person:
        with self._writing() as records:
            into = records.collection(collection)
            return records.person(into, records.add_person(into.key, person)).value

    def person(self, collection: str, person: str) -> Person:
        with self._reading() as records:
            return records.person(records.collection(collection), person).value

    def persons(self, collection: str, after: str | None, limit: int) -> Page[Person]:
        with self._reading() as records:
            return records.persons(records.collection(collection).key, after, limit)

    def delete_person(self, collection: str, person: str) -> None:
        with self._database.exclusive:
            with self._writing() as records:
                within = records.collection(collection)
                key = records.person(within, person).key
                records.remove_person(key)
            self._follow(within, key)
            self._database.erase()

    def enroll(self, collection: str, person: str, faces: Sequence[NewFace]) -> list[Face]:
        """All faces or none. Raises InvalidEmbedding too."""
        for face in faces:
            self._check_face(face)
        with self._database.exclusive:
            with self._writing() as records:
                into = self._ours(records.collection(collection))
                owner = records.person(into, person)
                records.belong(into.key)
                enrolled = [records.add_face(owner, face) for face in faces]
            self._follow(into, owner.key)
        return enrolled

    def faces(self, collection: str, person: str, after: str | None, limit: int) -> Page[Face]:
        with self._reading() as records:
            owner = records.person(records.collection(collection), person)
            return records.faces(owner.key, after, limit)

    def delete_face(self, collection: str, person: str, face: str) -> None:
        with self._database.exclusive:
            with self._writing() as records:
                within = records.collection(collection)
                owner = records.person(within, person)
                records.remove_face(owner, face)
            self._follow(within, owner.key)
            self._database.erase()

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
        self._database.close()

    @contextmanager
    def _reading(self) -> Iterator[Records]:
        with self._database.reading() as connection:
            yield Records(connection, self._bundle)

    @contextmanager
    def _writing(self) -> Iterator[Records]:
        with self._database.writing() as connection:
            yield Records(connection, self._bundle)

    def _load(self) -> None:
        with self._reading() as records:
            kept = records.every_collection()
        if not any(each.value.id == DEFAULT for each in kept):
            self.create_collection(DEFAULT, None, {})
        for each in kept:
            if each.value.bundle == self._bundle:
                self._build(each.key)

    def _index(self, collection: str) -> tuple[int, Index]:
        """The collection's key and index, built if there is none yet."""
        with self._reading() as records:
            key = self._ours(records.collection(collection)).key
        if (index := self._indexes.get(key)) is not None:
            return key, index
        with self._database.exclusive:  # nothing is committed while the truth is read
            index = self._indexes.get(key)
            return key, self._build(key) if index is None else index

    def _build(self, key: int) -> Index:
        """Reads a collection's index from the truth."""
        index = Index(self._dimension)
        with self._reading() as records:
            for rows, vectors in templates(records.samples(key), self._dimension):
                index.add(rows, vectors)
        self._indexes[key] = index
        return index

    def _follow(self, collection: Kept[Collection], person: int) -> None:
        """Brings the index to what was just committed about the person's row."""
        if collection.value.bundle != self._bundle:
            return  # it has no index, and searching it is refused
        index = self._indexes.get(collection.key)
        if index is None or not self._placed(index, person):
            self._indexes.pop(collection.key, None)  # should building fail, a search tries again
            self._build(collection.key)

    def _placed(self, index: Index, person: int) -> bool:
        """Whether the index now holds the person's template, or nothing without faces."""
        try:
            with self._reading() as records:
                samples = records.samples_of(person)
            for _, (template,) in templates(samples, self._dimension):
                index.put(person, template)
            if not samples:
                index.remove(person)
        except Exception:
            logger.exception("indexing failed; the index is read anew from the database")
            return False
        return True

    def _ours(self, collection: Kept[Collection]) -> Kept[Collection]:
        kept = collection.value
        if kept.bundle != self._bundle:
            raise BundleMismatch(
                f"The faces of the collection {kept.id!r} were enrolled with the model"
                f" {kept.bundle!r} and cannot be compared with those of {self._bundle!r}, which"
                " runs now; run that model, or enroll into another collection."
            )
        return collection

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
