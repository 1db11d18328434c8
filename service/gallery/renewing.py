"""The rows that a change of the model reads and writes, within one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import FaceNotFound, PersonNotFound
from service.gallery.contents import packed
from service.gallery.persons import Persons
from service.gallery.protocol import Features, NewFace
from service.gallery.records import Records
from service.gallery.renewal import Counted, MissingFace, Pair, Waiting
from service.gallery.rows import FACE, PERSON, CollectionRow, FaceRow, PersonRow
from service.gallery.sealing import Damaged
from service.gallery.slots import Slot, Slots, spare
from service.gallery.tables import Tables


@dataclass(frozen=True, slots=True)
class Renewing:
    """Faces of a collection by the person's key, in ranges, so that a step is short."""

    tables: Tables

    def counted(
        self, row: CollectionRow, slot: Slot, after: int, persons: int
    ) -> tuple[Counted, int]:
        """Of the next persons; and the last one's key, 0 at the end."""
        last = self._last(row, after, persons)
        query = f"""SELECT count(*), count(f.{slot}),
            count(CASE WHEN f.{slot} IS NULL THEN c.face END)
            FROM persons p JOIN faces f ON f.person = p.key LEFT JOIN crops c ON c.face = f.key
            WHERE p.collection = :of AND p.key > :after AND p.key <= :last"""  # noqa: S608 - a slot
        [found] = self.tables.all(query, of=row.key, after=after, last=last)
        return Counted(*found), last

    def waiting(
        self, row: CollectionRow, slot: Slot, after: int, persons: int
    ) -> tuple[list[Waiting], list[int], int]:
        """Faces of the next persons with a crop and an empty slot, those whose crop is damaged, and
        the last person's key, 0 at the end.
        """
        last = self._last(row, after, persons)
        query = f"""SELECT f.key FROM persons p JOIN faces f ON f.person = p.key
            JOIN crops c ON c.face = f.key WHERE p.collection = :of AND p.key > :after
            AND p.key <= :last AND f.{slot} IS NULL"""  # noqa: S608 - a slot
        found: list[Waiting] = []
        damaged: list[int] = []
        for (key,) in self.tables.all(query, of=row.key, after=after, last=last):
            try:
                found.append(Waiting(key, self._crop(key)))
            except Damaged:
                damaged.append(key)
        return found, damaged, last

    def missing(
        self, row: CollectionRow, slot: Slot, after: int, persons: int
    ) -> tuple[list[tuple[str, str]], int]:
        """Person and face, by id, of the faces with an empty slot and no crop."""
        last = self._last(row, after, persons)
        query = f"""SELECT p.id, f.id FROM persons p JOIN faces f ON f.person = p.key
            WHERE p.collection = :of AND p.key > :after AND p.key <= :last AND f.{slot} IS NULL
            AND NOT EXISTS (SELECT 1 FROM crops WHERE face = f.key)"""  # noqa: S608 - a slot
        return self.tables.all(query, of=row.key, after=after, last=last), last

    def put(self, row: CollectionRow, slots: Slots, face: int, features: Features) -> bool:
        """Fills the spare slot of a face; False if it is filled, or the face has gone."""
        if (found := self._face(face)) is None or found[1].kept(slots.spare) is not None:
            return False
        person, kept = found
        seal = person.seal(self.tables.vault)
        try:
            score = kept.content(seal, row.key, slots.active).detection_score
        except Damaged:  # the crop is not, so that the person can be found again after the switch
            score = None
        content = packed(NewFace(features.embedding, features.norm, features.quality, score))
        sealed = seal.close(content, *kept.place(row.key, slots.spare))
        query = f"UPDATE faces SET {slots.spare} = :sealed WHERE key = :key"  # noqa: S608 - a slot
        self.tables.run(query, sealed=sealed, key=face)
        self.tables.effects.renewed.add((row.key, person.key))
        return True

    def keep_crop(self, person: PersonRow, face: FaceRow, crop: bytes) -> None:
        sealed = person.seal(self.tables.vault).close(crop, *face.place(person.collection, "crop"))
        query = "INSERT OR REPLACE INTO crops VALUES (:face, :sealed)"
        self.tables.run(query, face=face.key, sealed=sealed)

    def drop_crops(self, faces: Sequence[int]) -> None:
        among = "(SELECT value FROM json_each(:faces))"
        self.tables.run(f"DELETE FROM crops WHERE face IN {among}", faces=json.dumps(faces))  # noqa: S608 - ours

    def any_crops(self) -> bool:
        return self.tables.one("SELECT 1 FROM crops LIMIT 1") is not None

    def drop_crops_of(self, row: CollectionRow, after: int, persons: int) -> int:
        """Deletes the crops of the next persons; the last one's key, 0 at the end."""
        last = self._last(row, after, persons)
        query = """DELETE FROM crops WHERE face IN (
            SELECT f.key FROM persons p JOIN faces f ON f.person = p.key
            WHERE p.collection = :of AND p.key > :after AND p.key <= :last)"""
        self.tables.run(query, of=row.key, after=after, last=last)
        return last

    def clear(self, row: CollectionRow, slot: Slot, after: int, persons: int) -> int:
        """Empties the slot for the next persons; the last one's key, 0 at the end."""
        last = self._last(row, after, persons)
        query = f"""UPDATE faces SET {slot} = NULL WHERE {slot} IS NOT NULL AND person IN (
            SELECT key FROM persons WHERE collection = :of AND key > :after AND key <= :last
        )"""  # noqa: S608 - a slot
        self.tables.run(query, of=row.key, after=after, last=last)
        return last

    def persons(self, row: CollectionRow) -> list[int]:
        """Those with faces, by key."""
        query = "SELECT key FROM persons WHERE collection = :of AND face_count > 0"
        return [key for (key,) in self.tables.all(query, of=row.key)]

    def paired(self, persons: Sequence[int], active: Slot) -> list[Pair]:
        """The faces of those persons all of whose faces are readable in both slots."""
        found: list[Pair] = []
        for key in persons:
            row = self.tables.one(f"{PERSON} WHERE p.key = :key", key=key)
            try:
                found += [] if row is None else self._pairs(PersonRow(*row), active)
            except Damaged:
                continue
        return found

    def _pairs(self, person: PersonRow, active: Slot) -> list[Pair]:
        seal, of = person.seal(self.tables.vault), person.collection
        faces = Persons(self.tables).faces(person.key)
        both = [(f.content(seal, of, active), f.content(seal, of, spare(active))) for f in faces]
        return [(person.key, a.embedding, a.norm, b.embedding, b.norm) for a, b in both]

    def _crop(self, face: int) -> bytes:
        """Raises Damaged."""
        if (found := self._face(face)) is None:
            raise Damaged
        person, row = found
        seal = person.seal(self.tables.vault)
        return seal.open(Persons(self.tables).crop(face), *row.place(person.collection, "crop"))

    def _face(self, key: int) -> tuple[PersonRow, FaceRow] | None:
        if (row := self.tables.one(f"{FACE} WHERE f.key = :key", key=key)) is None:
            return None
        face = FaceRow(*row)
        person = self.tables.one(f"{PERSON} WHERE p.key = :key", key=face.person)
        return None if person is None else (PersonRow(*person), face)

    def _last(self, row: CollectionRow, after: int, persons: int) -> int:
        query = """SELECT max(key) FROM (SELECT key FROM persons
            WHERE collection = :of AND key > :after ORDER BY key LIMIT :persons)"""
        (last,) = self.tables.one(query, of=row.key, after=after, persons=persons) or (None,)
        return int(last or 0)


def keeps_none(records: Records, row: CollectionRow) -> bool:
    """Whether crops in the collection are of no use to anybody."""
    state = records.collections.slots(row).state
    return state is None and not records.collections.settings_of(row).keep_crops


def drop_faces(records: Records, *, collection: str, faces: Sequence[MissingFace]) -> None:
    row = records.collections.place(collection)
    for person, face in faces:
        try:
            records.faces.remove(records.persons.owner(row, person), face)
        except (FaceNotFound, PersonNotFound):  # somebody deleted it first
            continue
