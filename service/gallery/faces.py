"""Faces: enrolled, moved to another person, and gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias
from uuid import uuid4

from service.errors import BundleMismatch, FaceNotFound
from service.gallery.collections import Collections
from service.gallery.contents import packed
from service.gallery.erasures import Erasures
from service.gallery.persons import Persons
from service.gallery.protocol import Face, NewFace, Page
from service.gallery.rows import FACE, FaceRow, PersonRow
from service.gallery.sealing import Damaged, Seal
from service.gallery.slots import Slot, Slots
from service.gallery.tables import REVISION, Listing, Tables, quarantined, stamp

Part: TypeAlias = Slot | Literal["crop"]
Contents: TypeAlias = dict[Part, bytes]  # what is sealed of a face, opened


def features(new: NewFace, running: str) -> dict[str, NewFace]:
    """The face as each bundle sees it, by the bundle's id."""
    return {new.bundle or running: new} | {
        each.bundle: replace(new, embedding=each.embedding, norm=each.norm, quality=each.quality)
        for each in new.others
    }


def mismatch(wanted: str, known: Iterable[str]) -> BundleMismatch:
    return BundleMismatch(
        f"The collection's faces are of the model {wanted!r}, and what is given is of"
        f" {', '.join(map(repr, known))}; give what that model makes of the photograph."
    )


@dataclass(frozen=True, slots=True)
class Faces:
    """Raises FaceNotFound for unknown ids."""

    tables: Tables

    def page(self, person: PersonRow, after: str | None, limit: int) -> Page[Face]:
        """Of a sound person."""
        select, seal = f"{FACE} WHERE f.person = :of", person.seal(self.tables.vault)
        where = Listing(f"faces:{person.key}", select, "f.key", FaceRow, after, limit)
        active = self._slots(person).active
        return self.tables.page(
            where, lambda row: row.opened(seal, person.collection, active), of=person.key
        )

    def add(self, person: PersonRow, new: NewFace) -> Face:
        """The face as it was kept; its vector is stored as little-endian float32.

        Raises BundleMismatch without features of the bundle that is searched.
        """
        slots, known = self._slots(person), features(new, self.tables.running)
        if slots.bundle not in known:
            raise mismatch(slots.bundle, known)
        contents: Contents = {
            slot: packed(known[bundle]) for slot, bundle in slots.wanted.items() if bundle in known
        }
        if new.crop is not None:
            contents["crop"] = new.crop
        created = self.tables.stamp if new.created_at is None else stamp(new.created_at)
        id_ = uuid4().hex if new.id is None else new.id
        row = self._put(person, FaceRow(0, id_, person.key, created, None), contents)
        return row.opened(person.seal(self.tables.vault), person.collection, slots.active)

    def move(self, source: PersonRow, faces: Sequence[FaceRow], target: PersonRow) -> None:
        """Moves faces of a sound person to another of its collection, sealed with their key.

        They keep their ids. Copies of them under the source's key are its key's affair: rekey or
        remove the source.
        """
        seal = source.seal(self.tables.vault)
        for face in faces:
            contents = self._contents(source, face, seal)
            self.tables.delete("DELETE FROM faces WHERE key = :key", key=face.key)
            self._put(target, face, contents)
        self._changed(source)

    def remove(self, person: PersonRow, id: str) -> None:
        """Copies of the face cannot be read any more either: the person gets another key."""
        self._changed(person)
        self.tables.destroy_snapshot(person.collection)
        Erasures(self.tables).face(person, id)
        query = "DELETE FROM faces WHERE person = :person AND id = :id"
        if self.tables.delete(query, person=person.key, id=id) == 0:
            raise FaceNotFound(f"The person {person.id!r} has no face {id!r}.")
        try:
            Persons(self.tables).rekey(person)
        except Damaged:  # what is left cannot be sealed anew, only deleted
            quarantined(person)

    def _contents(self, person: PersonRow, face: FaceRow, seal: Seal) -> Contents:
        """All of the face that is needed any more. Raises Damaged."""
        sealed: dict[Part, bytes | None] = {
            slot: face.kept(slot) for slot in self._slots(person).wanted
        }
        sealed["crop"] = Persons(self.tables).crop(face.key)
        return {
            part: seal.open(kept, *face.place(person.collection, part))
            for part, kept in sealed.items()
            if kept is not None
        }

    def _put(self, person: PersonRow, like: FaceRow, contents: Contents) -> FaceRow:
        row = like._replace(key=self.tables.next("faces"), person=person.key)
        seal = person.seal(self.tables.vault)
        sealed = {
            part: seal.close(content, *row.place(person.collection, part))
            for part, content in contents.items()
        }
        row = row._replace(sealed=sealed.get("sealed"), renewed=sealed.get("renewed"))
        self.tables.run(
            "INSERT INTO faces (key, id, person, created_at, sealed, renewed)"
            " VALUES (:key, :id, :person, :created_at, :sealed, :renewed)",
            **row._asdict(),
        )
        if "crop" in sealed:
            query = "INSERT INTO crops VALUES (:face, :sealed)"
            self.tables.run(query, face=row.key, sealed=sealed["crop"])
        self._changed(person)
        return row

    def _slots(self, person: PersonRow) -> Slots:
        collections = Collections(self.tables)
        return collections.slots(collections.by_key(person.collection))

    def _changed(self, person: PersonRow) -> None:
        self.tables.effects.persons.add((person.collection, person.key))
        query = f"UPDATE persons SET changed = {REVISION} WHERE key = :key"  # noqa: S608 - ours
        self.tables.run(query, key=person.key)
