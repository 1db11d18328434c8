"""The tables' rows as they lie there, and what they say once they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from service.gallery import contents, slots
from service.gallery.contents import Content, Label, Profile
from service.gallery.protocol import Collection, CollectionSettings, Face, Person
from service.gallery.sealing import Damaged, Seal, Vault
from service.gallery.slots import FIRST, Slot, Slots

COLLECTION: Final = """SELECT c.key, c.id, c.created_at, c.person_count, c.face_count, c.bundle,
    c.secret, c.sealed, s.wrapped, c.slot
    FROM collections c LEFT JOIN secrets s ON s.key = c.secret"""
PERSON: Final = """SELECT p.key, p.collection, p.id, p.created_at, p.face_count, p.secret, p.sealed,
    p.expires_at, p.external, s.wrapped FROM persons p LEFT JOIN secrets s ON s.key = p.secret"""
FACE_COLUMNS: Final = "f.key, f.id, f.person, f.created_at, f.sealed, f.renewed"
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
    slot: str

    def seal(self, vault: Vault) -> Seal:
        """Raises Damaged."""
        return vault.seal(self.secret, self.wrapped)

    def label(self, vault: Vault) -> Label:
        """Raises Damaged."""
        return contents.label(self.seal(vault).open(self.sealed, *self.place()))

    def place(self) -> tuple[object, ...]:
        return "collection", self.key, self.created_at, self.id

    def slots(self, vault: Vault, running: str) -> Slots:
        """Where the features are; an empty collection belongs to whichever bundle runs.

        The sealed copy is asked first: one flipped bit can make one bundle's id another's.
        """
        try:
            label = self.label(vault)
        except Damaged:
            return Slots(slots.slot(self.slot), (self.face_count and self.bundle) or running)
        if label.renewal is not None:
            return Slots(label.slot, label.bundle or running, *label.renewal)
        return Slots(label.slot, (self.face_count and label.bundle) or running)

    def belongs(self, vault: Vault, running: str) -> str:
        """The id of the bundle of what is searched."""
        return self.slots(vault, running).bundle

    def told(self, label: Label, running: str) -> Collection:
        return Collection(
            self.id,
            label.name,
            label.metadata,
            CollectionSettings(**label.settings),
            label.bundle if label.bundle and (self.face_count or label.renewal) else running,
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
    expires_at: str | None
    external: bytes | None
    wrapped: bytes

    def seal(self, vault: Vault) -> Seal:
        """Raises Damaged."""
        return vault.seal(self.secret, self.wrapped)

    def place(self) -> tuple[object, ...]:
        """When a person expires is bound, too: a flipped bit must not make it earlier or later."""
        kept = (self.collection, self.key, self.created_at)
        if self.expires_at is None:  # as releases before there was such a time sealed it
            return "person", *kept, self.id
        return "person until", *kept, self.expires_at, self.id

    def profile(self, seal: Seal) -> Profile:
        """Raises Damaged."""
        return contents.profile(seal.open(self.sealed, *self.place()))

    def opened(self, vault: Vault) -> Person:
        """Raises Damaged, also where a lookup by the external id would miss the person."""
        known = self.profile(self.seal(vault))
        if self.external != vault.blinded(self.collection, known.external_id):
            raise Damaged
        return Person(
            self.id,
            known.name,
            known.external_id,
            known.metadata,
            known.consent_reference,
            None if self.expires_at is None else datetime.fromisoformat(self.expires_at),
            datetime.fromisoformat(self.created_at),
            self.face_count,
        )


class FaceRow(NamedTuple):
    key: int
    id: str
    person: int
    created_at: str
    sealed: bytes | None
    renewed: bytes | None = None

    def place(self, collection: int, part: Slot | Literal["crop"] = FIRST) -> tuple[object, ...]:
        """Where the face's features in a slot, or its crop, are sealed for."""
        kind = "face" if part == FIRST else f"face {part}"
        return kind, collection, self.person, self.key, self.created_at, self.id

    def kept(self, slot: Slot) -> bytes | None:
        """What is sealed in the slot."""
        return self.sealed if slot == FIRST else self.renewed

    def content(self, seal: Seal, collection: int, slot: Slot = FIRST) -> Content:
        """Raises Damaged, also where there is none."""
        return contents.unpacked(seal.open(self.kept(slot), *self.place(collection, slot)))

    def opened(self, seal: Seal, collection: int, slot: Slot = FIRST) -> Face:
        """Raises Damaged."""
        known = self.content(seal, collection, slot)
        created = datetime.fromisoformat(self.created_at)
        return Face(self.id, known.quality, known.norm, known.detection_score, created)


def opened_faces(
    person: PersonRow, faces: Sequence[FaceRow], vault: Vault, slot: Slot = FIRST
) -> list[Content]:
    """Everything of a person, or Damaged: what cannot be read would be missing in the template."""
    seal = person.seal(vault)
    seal.open(person.sealed, *person.place())
    if len(faces) != person.face_count:
        raise Damaged
    return [face.content(seal, person.collection, slot) for face in faces]
