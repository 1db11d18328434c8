"""The tables' rows as they lie there, and what they say once they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from service.gallery import contents
from service.gallery.contents import Content, Label, Profile
from service.gallery.protocol import Collection, Face, Person
from service.gallery.sealing import Damaged, Seal, Vault

COLLECTION: Final = """SELECT c.key, c.id, c.created_at, c.person_count, c.face_count, c.bundle,
    c.secret, c.sealed, s.wrapped FROM collections c LEFT JOIN secrets s ON s.key = c.secret"""
PERSON: Final = """SELECT p.key, p.collection, p.id, p.created_at, p.face_count,
    p.secret, p.sealed, s.wrapped FROM persons p LEFT JOIN secrets s ON s.key = p.secret"""
FACE_COLUMNS: Final = "f.key, f.id, f.person, f.created_at, f.sealed"
FACE: Final = f"SELECT {FACE_COLUMNS} FROM faces f"  # noqa: S608 - our own constant


class CollectionRow(NamedTuple):
    key: int
    id: str
    created_at: str
    person_count: int
    face_count: int
    bundle: str | None
    secret: int
    sealed: bytes
    wrapped: bytes

    def seal(self, vault: Vault) -> Seal:
        """Raises Damaged."""
        return vault.seal(self.secret, self.wrapped)

    def label(self, vault: Vault) -> Label:
        """Raises Damaged."""
        return contents.label(self.seal(vault).open(self.sealed, *self.place()))

    def place(self) -> tuple[object, ...]:
        return "collection", self.key, self.created_at, self.id

    def belongs(self, vault: Vault, running: str) -> str:
        """The bundle of its faces; an empty collection belongs to whichever bundle runs.

        The sealed copy is asked first: one flipped bit can make one bundle's id another's.
        """
        if self.face_count == 0:
            return running
        try:
            return self.label(vault).bundle or running
        except Damaged:
            return self.bundle or running

    def opened(self, vault: Vault, running: str) -> Collection:
        """Raises Damaged."""
        name, metadata, bundle = self.label(vault)
        return Collection(
            self.id,
            name,
            metadata,
            bundle if bundle and self.face_count else running,
            datetime.fromisoformat(self.created_at),
            self.person_count,
            self.face_count,
        )


class PersonRow(NamedTuple):
    key: int
    collection: int
    id: str
    created_at: str
    face_count: int
    secret: int
    sealed: bytes
    wrapped: bytes

    def seal(self, vault: Vault) -> Seal:
        """Raises Damaged."""
        return vault.seal(self.secret, self.wrapped)

    def place(self) -> tuple[object, ...]:
        return "person", self.collection, self.key, self.created_at, self.id

    def profile(self, seal: Seal) -> Profile:
        """Raises Damaged."""
        return contents.profile(seal.open(self.sealed, *self.place()))

    def opened(self, vault: Vault) -> Person:
        """Raises Damaged."""
        created = datetime.fromisoformat
        known = self.profile(self.seal(vault))
        return Person(self.id, *known, created(self.created_at), self.face_count)


class FaceRow(NamedTuple):
    key: int
    id: str
    person: int
    created_at: str
    sealed: bytes

    def place(self, collection: int) -> tuple[object, ...]:
        return "face", collection, self.person, self.key, self.created_at, self.id

    def content(self, seal: Seal, collection: int) -> Content:
        """Raises Damaged."""
        return contents.unpacked(seal.open(self.sealed, *self.place(collection)))

    def opened(self, seal: Seal, collection: int) -> Face:
        """Raises Damaged."""
        known = self.content(seal, collection)
        created = datetime.fromisoformat(self.created_at)
        return Face(self.id, known.quality, known.norm, known.detection_score, created)


def opened_faces(person: PersonRow, faces: Sequence[FaceRow], vault: Vault) -> list[Content]:
    """Everything of a person, or Damaged: what cannot be read would be missing in the template."""
    seal = person.seal(vault)
    seal.open(person.sealed, *person.place())
    if len(faces) != person.face_count:
        raise Damaged
    return [face.content(seal, person.collection) for face in faces]
