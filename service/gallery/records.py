"""What the tables hold, read and written as the values of the protocol."""

from __future__ import annotations

from dataclasses import dataclass

from service.errors import FaceNotFound, InvalidRequest
from service.gallery.answered import Answered
from service.gallery.collections import Collections
from service.gallery.erasures import Erasures
from service.gallery.faces import Faces
from service.gallery.persons import Persons
from service.gallery.protocol import Person
from service.gallery.rows import CollectionRow, PersonRow
from service.gallery.tables import Tables


@dataclass(frozen=True, slots=True)
class Records:
    """The three nouns of one transaction, and what concerns several of them."""

    tables: Tables

    @property
    def collections(self) -> Collections:
        return Collections(self.tables)

    @property
    def persons(self) -> Persons:
        return Persons(self.tables)

    @property
    def faces(self) -> Faces:
        return Faces(self.tables)

    @property
    def answered(self) -> Answered:
        return Answered(self.tables)

    def merge(self, collection: CollectionRow, source: str, target: str) -> Person:
        """The target with the faces of both; the source is gone. Words are the target's alone.

        Raises InvalidRequest for a person and itself.
        """
        if source == target:
            raise InvalidRequest("A person cannot be merged with itself.")
        gone = self.persons.sound(collection, source)
        kept = self.persons.sound(collection, target)
        self.faces.move(gone, self.persons.faces(gone.key), kept)
        Erasures(self.tables).merge(gone, kept)
        self.persons.dissolve(gone)
        return self.persons.get(collection, target)

    def move_face(self, collection: CollectionRow, source: str, face: str, target: str) -> Person:
        """The target with the face. Raises FaceNotFound, InvalidRequest for the same person."""
        if source == target:
            raise InvalidRequest("The face is that person's already.")
        giver = self.persons.sound(collection, source)
        taker = self.persons.sound(collection, target)
        if not (moved := [row for row in self.persons.faces(giver.key) if row.id == face]):
            raise FaceNotFound(f"The person {source!r} has no face {face!r}.")
        self.faces.move(giver, moved, taker)
        self.tables.destroy_snapshot(collection.key)
        self.persons.rekey(self.persons.owner(collection, source))
        return self.persons.get(collection, target)

    def sweep(self, collection: int, limit: int) -> int:
        """Removes persons whose time is over; how many, at most `limit`."""
        over = self.expired(collection, limit)
        for row in over:
            self.persons.remove(row)
        return len(over)

    def expired(self, collection: int, limit: int) -> list[PersonRow]:
        """None where the collection has gone meanwhile."""
        rows = [row for row in self.collections.rows() if row.key == collection]
        return [person for row in rows for person in self.persons.expired(row, limit)]
