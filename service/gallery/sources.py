"""What an index is made of: samples, what changed since, and the keys of its snapshots."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from service.gallery.encryption import new_secret
from service.gallery.rows import FACE, FACE_COLUMNS, PERSON, FaceRow, PersonRow, opened_faces
from service.gallery.sealing import Damaged, Vault
from service.gallery.slots import FIRST, Slot, spare
from service.gallery.tables import REVISION, quarantined
from service.gallery.templates import Sample

_BESIDE_FACES = (
    f"{PERSON.replace(' FROM', f', {FACE_COLUMNS} FROM')} JOIN faces f ON f.person = p.key"
)
_PERSON_COLUMNS = len(PersonRow._fields)


@dataclass(frozen=True, slots=True)
class Sources:
    """The tables within one transaction, as whoever keeps an index reads them."""

    connection: sqlite3.Connection
    vault: Vault

    def samples(
        self, collection: int, after: int, persons: int, slot: Slot = FIRST
    ) -> tuple[list[Sample], int]:
        """Faces of the next sound persons, one by one, and the last key looked at; 0 at the end."""
        ahead = "SELECT key FROM persons WHERE collection = :of AND key > :after ORDER BY key"
        keys = self._all(f"{ahead} LIMIT :persons", of=collection, after=after, persons=persons)
        last = keys[-1][0] if keys else 0
        rows = self._run(
            f"{_BESIDE_FACES} WHERE p.collection = :of AND p.key > :after AND p.key <= :last"
            " ORDER BY p.key, f.key",
            of=collection,
            after=after,
            last=last,
        )
        found: list[Sample] = []
        for _, beside in groupby(rows, itemgetter(0)):
            joined = list(beside)
            faces = [FaceRow(*row[_PERSON_COLUMNS:]) for row in joined]
            found += self._sampled(PersonRow(*joined[0][:_PERSON_COLUMNS]), faces, slot)
        return found, last

    def changed(self, collection: int, since: int) -> list[int]:
        """The persons who got other faces after the revision `since`."""
        query = "SELECT key FROM persons WHERE collection = :of AND changed > :since"
        return [key for (key,) in self._all(query, of=collection, since=since)]

    def with_faces(self, collection: int) -> int:
        """How many persons of the collection have faces; counts them."""
        query = "SELECT count(*) FROM persons WHERE collection = :of AND face_count > 0"
        return int(self._all(query, of=collection)[0][0])

    def snapshot(self, collection: int) -> tuple[bytes, int] | None:
        """Key and revision of the collection's snapshot, unless somebody was deleted since."""
        query = """SELECT s.key, s.wrapped, n.revision FROM snapshots n
            JOIN secrets s ON s.key = n.secret WHERE n.collection = :of"""
        if (found := self._one(query, of=collection)) is None:
            return None
        try:
            return self.vault.key(*found[:2]), found[2]
        except Damaged:
            return None

    def new_snapshot(self, collection: int) -> tuple[bytes, int]:
        """Key and revision of a snapshot to be written; the one before cannot be read any more."""
        query = "SELECT secret FROM snapshots WHERE collection = :of"
        if (found := self._one(query, of=collection)) is None:
            found = (new_secret(self.connection, self.vault)[0],)
        wrapped, key = self.vault.fresh(*found)
        query = "UPDATE secrets SET wrapped = :wrapped WHERE key = :key"
        self._run(query, wrapped=wrapped, key=found[0])
        (revision,) = self._all(f"SELECT {REVISION}")[0]
        self._run(
            "INSERT OR REPLACE INTO snapshots VALUES (:of, :secret, :revision)",
            of=collection,
            secret=found[0],
            revision=revision,
        )
        return key, int(revision)

    def samples_of(self, person: int, slot: Slot = FIRST) -> list[Sample]:
        """The person's faces; none where one of them is damaged, or the person is gone."""
        row = self._one(f"{PERSON} WHERE p.key = :key", key=person)
        return [] if row is None else self._sampled(PersonRow(*row), self._faces(person), slot)

    def owners(self, collection: int) -> dict[int, int]:
        """The person of each face of the collection."""
        query = "SELECT f.key, f.person FROM persons p JOIN faces f ON f.person = p.key"
        return dict(self._all(f"{query} WHERE p.collection = :of", of=collection))

    def _sampled(self, person: PersonRow, faces: list[FaceRow], slot: Slot) -> list[Sample]:
        """None also where a face has features in the other slot only, as before a renewal ends."""
        if any(face.kept(slot) is None and face.kept(spare(slot)) is not None for face in faces):
            return []
        try:
            opened = opened_faces(person, faces, self.vault, slot)
        except Damaged:
            quarantined(person)
            return []
        return [
            (person.key, content.embedding, content.norm, face.key)
            for content, face in zip(opened, faces, strict=True)
        ]

    def _faces(self, person: int) -> list[FaceRow]:
        rows = self._all(f"{FACE} WHERE f.person = :person ORDER BY f.key", person=person)
        return [FaceRow(*row) for row in rows]

    def _run(self, query: str, **values: object) -> sqlite3.Cursor:
        return self.connection.execute(query, values)

    def _one(self, query: str, **values: object) -> tuple[Any, ...] | None:
        return next(iter(self._all(query, **values)), None)

    def _all(self, query: str, **values: object) -> list[Any]:
        return self._run(query, **values).fetchall()
