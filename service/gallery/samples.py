"""The vectors that a collection keeps, read for whoever compares them with each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from service.errors import PersonNotFound, TemplateCorrupt
from service.gallery.contents import Content
from service.gallery.faces import mismatch
from service.gallery.protocol import Vectors
from service.gallery.records import Records
from service.gallery.renewing import Renewing
from service.gallery.rows import PERSON, CollectionRow, PersonRow, opened_faces
from service.gallery.sealing import Damaged
from service.gallery.store import Store
from service.gallery.tables import quarantined
from service.gallery.templates import FLOAT

_AT_ONCE: Final = 100  # persons read in one transaction, some milliseconds


class Sampled(NamedTuple):
    """The n faces of one person, as the model sees them that the collection is searched with."""

    faces: tuple[str, ...]
    vectors: Vectors  # (n, d), unit
    norms: NDArray[np.float64]  # (n,)
    qualities: tuple[float | None, ...]

    @classmethod
    def of(cls, faces: Iterable[str], contents: Sequence[Content]) -> Self:
        joined = np.frombuffer(b"".join(each.embedding for each in contents), FLOAT)
        return cls(
            tuple(faces),
            joined.reshape(len(contents), -1) if contents else joined.reshape(0, 0),
            np.array([each.norm for each in contents], np.float64),
            tuple(each.quality for each in contents),
        )


class Samples:
    """Raises CollectionNotFound, and BundleMismatch where its model is not loaded."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, collection: str, person: str, bundle: str) -> Sampled:
        """The person's faces. Raises PersonNotFound, TemplateCorrupt, and BundleMismatch where they
        are not searched by the model `bundle`.
        """
        with self._store.reading() as records:
            row = self._row(records, collection, bundle)
            return _sampled(records, row, records.persons.sound(row, person))

    def of_each(self, collection: str, persons: Sequence[str], bundle: str) -> dict[str, Sampled]:
        """Those of several persons, by id; without who is gone or damaged. Raises BundleMismatch."""
        found: dict[str, Sampled] = {}
        for first in range(0, len(persons), _AT_ONCE):
            with self._store.reading() as records:
                row = self._row(records, collection, bundle)
                for person in persons[first : first + _AT_ONCE]:
                    try:
                        owner = records.persons.sound(row, person)
                        found[person] = _sampled(records, row, owner)
                    except (PersonNotFound, TemplateCorrupt):
                        continue
        return found

    def drawn(self, collection: str, faces: int, each: int, seed: int = 0) -> list[Sampled]:
        """Persons drawn at random until they have about so many `faces`; at most `each` of a person."""
        with self._store.reading() as records:
            keys = Renewing(records.tables).persons(self._store.ours(records, collection))
        np.random.default_rng(seed).shuffle(keys)
        found: list[Sampled] = []
        for first in range(0, len(keys), _AT_ONCE):
            with self._store.reading() as records:
                row = self._store.ours(records, collection)
                some = [_of_key(records, row, key, each) for key in keys[first : first + _AT_ONCE]]
            found += [sampled for sampled in some if sampled is not None]
            if sum(len(sampled.faces) for sampled in found) >= faces:
                break
        return found

    def _row(self, records: Records, collection: str, bundle: str) -> CollectionRow:
        row = self._store.ours(records, collection)
        if (active := records.collections.slots(row).bundle) != bundle and row.face_count:
            raise mismatch(active, [bundle])
        return row


def _of_key(records: Records, row: CollectionRow, key: int, most: int) -> Sampled | None:
    """None where the person is gone or damaged."""
    if (found := records.tables.one(f"{PERSON} WHERE p.key = :key", key=key)) is None:
        return None
    owner = PersonRow(*found)
    try:
        return _sampled(records, row, owner, most)
    except Damaged:
        quarantined(owner)
        return None


def _sampled(
    records: Records, row: CollectionRow, person: PersonRow, most: int | None = None
) -> Sampled:
    """Raises Damaged."""
    faces = records.persons.faces(person.key)
    active = records.collections.slots(row).active
    opened = opened_faces(person, faces, records.tables.vault, active)
    return Sampled.of([face.id for face in faces[:most]], opened[:most])
