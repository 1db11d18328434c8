"""People on their way in, as they were elsewhere: with their ids and times, all of a part or none."""

from __future__ import annotations

import json
from collections.abc import Collection as Several
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import blake2b

from service.errors import CollectionNotFound, ImportConflict, PersonNotFound, UnusablePart
from service.gallery.contents import Content, Profile, packed, unpacked
from service.gallery.protocol import (
    Clash,
    Collection,
    Enrolled,
    Imported,
    Metadata,
    NewFace,
    NewPerson,
    Part,
)
from service.gallery.records import Records
from service.gallery.rows import CollectionRow, FaceRow, PersonRow, opened_faces
from service.gallery.sealing import Damaged
from service.gallery.store import Store
from service.gallery.tables import stamp


def imported(store: Store, collection: str, part: Part, clash: Clash) -> Imported:
    """Raises BundleMismatch, InvalidEmbedding, ImportConflict and UnusablePart; see the protocol."""
    store.space.check_bundle(part.collection)
    for face in (face for each in part.enrolled for face in each.faces):
        store.space.check_face(face)

    def change(records: Records) -> Imported:
        _make_home(records, collection, part.collection)
        into = store.ours(records, collection)
        if any(each.faces for each in part.enrolled):
            records.collections.belong(into)
        return Arrivals(records, into).put(part.enrolled, clash)

    return store.commit(change)


def _make_home(records: Records, id: str, like: Collection) -> None:
    """Creates the collection, also in place of a blank one, as `default` is after a deletion."""
    settings = {k: v for k, v in asdict(like.settings).items() if v is not None}
    try:
        row = records.collections.place(id)
    except CollectionNotFound:
        pass
    else:
        words = like.name, like.metadata, settings
        there = row.created_at == stamp(like.created_at) and _words(records, row) == words
        if there or row.person_count or _words(records, row) != (None, {}, {}):
            return
        records.collections.remove(row)
    records.collections.add(id, like.name, like.metadata, settings, like.created_at)


def _words(records: Records, row: CollectionRow) -> tuple[str | None, Metadata, Metadata] | None:
    """Name, metadata and settings; None where they are damaged."""
    try:
        label = row.label(records.tables.vault)
    except Damaged:
        return None
    return label.name, label.metadata, label.settings


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The persons who come into a collection, within one transaction."""

    records: Records
    collection: CollectionRow

    def put(self, arriving: Sequence[Enrolled], clash: Clash) -> Imported:
        """Raises ImportConflict, and UnusablePart for ids that come twice."""
        rows = {_id(each): self._row(_id(each)) for each in arriving}
        differing = {
            _id(each): row
            for each in arriving
            if (row := rows[_id(each)]) is not None and not self._is_there(row, each)
        }
        leaving = differing if clash == "replace" else {}
        missing = [each for each in arriving if rows[_id(each)] is None or _id(each) in leaving]
        coming, leaving = self._with_room(missing, leaving)
        known = {_id(each) for each in coming}
        conflicts = [each for each in map(_id, missing) if each not in known]
        conflicts += [each for each in differing if clash != "replace"]
        if conflicts and clash == "fail":
            raise _conflict(self.collection.id, conflicts)
        for row in leaving.values():
            self.records.persons.remove(row)
        crops = self.records.collections.settings(self.collection.id).keep_crops or False
        for each in coming:
            self._add(each, crops=crops)
        there = len(rows) - len(known) - len(conflicts)
        return Imported(len(coming) - len(leaving), there, len(leaving), tuple(conflicts))

    def _row(self, id: str) -> PersonRow | None:
        try:
            return self.records.persons.owner(self.collection, id)
        except PersonNotFound:
            return None

    def _is_there(self, row: PersonRow, each: Enrolled) -> bool:
        """Whether the person is as they come, to the last bit of the last face."""
        tables, faces = self.records.tables, self.records.persons.faces(row.key)
        active = self.collection.slots(tables.vault, tables.running).active
        try:
            row.opened(tables.vault)  # whether the external id can be looked up, too
            profile = row.profile(row.seal(tables.vault))
            contents = opened_faces(row, faces, tables.vault, active)
        except Damaged:
            return False
        times = row.created_at, row.expires_at
        return (
            len(faces) == len(each.faces)
            and times == (_stamp(each.person.created_at), _stamp(each.person.expires_at))
            and _text(profile) == _text(_profile(each.person))
            and all(map(self._is_face, faces, contents, each.faces))
        )

    def _is_face(self, row: FaceRow, content: Content, face: NewFace) -> bool:
        known = row.id in {face.id, self._other_id(face)} and row.created_at == _stamp(
            face.created_at
        )
        return known and content == unpacked(packed(face))

    def _with_room(
        self, coming: Sequence[Enrolled], leaving: dict[str, PersonRow]
    ) -> tuple[list[Enrolled], dict[str, PersonRow]]:
        """Without those of whom somebody who stays has a face by now."""
        while True:
            free = {row.key for row in leaving.values()}
            staying = [
                each for each in coming if all(self._face_id(face, free) for face in each.faces)
            ]
            if len(staying) == len(coming):
                return staying, leaving
            coming, ids = staying, {_id(each) for each in staying}
            leaving = {who: row for who, row in leaving.items() if who in ids}

    def _face_id(self, face: NewFace, leaving: Several[int] = ()) -> str | None:
        """The id the face gets here; None where another person of the collection has it."""
        for wanted in (face.id, self._other_id(face)):
            owner = self.records.tables.one(
                "SELECT p.collection, p.key FROM faces f JOIN persons p ON p.key = f.person"
                " WHERE f.id = :id",
                id=wanted,
            )
            if owner is None or owner[1] in leaving:
                return wanted
            if owner[0] == self.collection.key:
                return None
        return None

    def _other_id(self, face: NewFace) -> str:
        """Ids of faces are a gallery's: this is the one of a copy in this collection."""
        return blake2b(f"{self.collection.id}\0{face.id}".encode(), digest_size=16).hexdigest()

    def _add(self, each: Enrolled, *, crops: bool) -> None:
        if self._row(_id(each)) is not None:
            raise UnusablePart(f"The part has the person {_id(each)!r} twice.")
        self.records.persons.add(self.collection, each.person)
        owner = self.records.persons.owner(self.collection, _id(each))
        for face in each.faces:
            if (given := self._face_id(face)) is None:
                raise UnusablePart(f"The part has the face {face.id!r} twice.")
            kept = face.crop if crops else None
            self.records.faces.add(owner, replace(face, id=given, crop=kept))


def _id(each: Enrolled) -> str:
    if each.person.id is None:
        raise UnusablePart("A person of the part has no id.")
    return each.person.id


def _profile(person: NewPerson) -> Profile:
    return Profile(person.name, person.external_id, person.metadata, person.consent_reference)


def _text(profile: Profile) -> str:
    """In JSON, where 1 and True are not equal, in whichever order the metadata were given."""
    return json.dumps(profile, sort_keys=True)


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)


def _conflict(collection: str, ids: Sequence[str]) -> ImportConflict:
    error = ImportConflict(
        f"{len(ids)} persons of the part are in {collection!r} already and differ, or a face of"
        f" theirs is another person's there: {', '.join(ids[:3])}{', ...' if ids[3:] else ''}."
        " Nothing was changed; import with on_conflict=skip to leave them as they are, or replace."
    )
    error.extra = {"conflicts": list(ids)}
    return error
