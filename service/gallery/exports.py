"""People on their way out: a collection in parts, each person as of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

import numpy as np

from service.errors import BundleMismatch, CollectionNotFound
from service.gallery.contents import Content, Label
from service.gallery.cursors import cursor, key_after
from service.gallery.protocol import Collection, Enrolled, NewFace, NewPerson, Part
from service.gallery.records import Records
from service.gallery.rows import PERSON, CollectionRow, FaceRow, PersonRow, opened_faces
from service.gallery.sealing import Damaged
from service.gallery.slots import Slot
from service.gallery.store import Store
from service.gallery.tables import quarantined
from service.gallery.templates import FLOAT

FULL: Final = 4_000_000  # sealed bytes after which a part ends: far below what a body may have
_AT_ONCE: Final = 32  # persons read in one transaction, for whose time searches wait
_Read: TypeAlias = tuple[PersonRow, Enrolled | None, int]  # None: damaged; with the sealed bytes


def exported(store: Store, collection: str, after: str | None, limit: int) -> Part:
    """The next persons after a cursor, at most `limit`, at least one if there is any.

    Raises CollectionNotFound, also if it goes meanwhile, InvalidRequest for a cursor of another
    collection or gallery, and BundleMismatch if its model is switched meanwhile.
    """
    with store.reading() as records:
        row = records.collections.place(collection)
        home = _home(records, row)
    name, signing = f"export:{row.key}", store.database.vault.signing
    last, seen, size = key_after(after, name, signing), 0, 0
    enrolled: list[Enrolled] = []
    damaged: list[str] = []
    for person, found, weight in _people(store, row, home.bundle, last):
        if seen == limit or size >= FULL:
            return Part(home, enrolled, damaged, cursor(name, last, signing))
        last, seen, size = person.key, seen + 1, size + weight
        if found is None:
            damaged.append(person.id)
        else:
            enrolled.append(found)
    return Part(home, enrolled, damaged)


def _home(records: Records, row: CollectionRow) -> Collection:
    """The collection; without words where they are damaged, which its persons are not."""
    tables = records.tables
    try:
        label = row.label(tables.vault)
    except Damaged:
        quarantined(row)
        label = Label(None, {}, None)
    return replace(row.told(label, tables.running), bundle=records.collections.belongs(row))


def _people(store: Store, row: CollectionRow, bundle: str, after: int) -> Iterator[_Read]:
    while True:
        with store.reading() as records:
            _check_same(records, row, bundle)
            found, after = _next(records, row, after)
        yield from found
        if after == 0:
            return


def _check_same(records: Records, row: CollectionRow, bundle: str) -> None:
    now = records.collections.place(row.id)
    if now.key != row.key:
        raise CollectionNotFound(f"The collection {row.id!r} was deleted while it was exported.")
    if now.face_count and records.collections.belongs(now) != bundle:
        raise BundleMismatch(
            f"The model of the collection {row.id!r} was changed while it was exported; start anew."
        )


def _next(records: Records, row: CollectionRow, after: int) -> tuple[list[_Read], int]:
    """The next persons whose time is not over, and the last key looked at; 0 at the end."""
    rows = records.tables.all(
        f"{PERSON} WHERE p.collection = :of AND p.key > :after ORDER BY p.key LIMIT :most",
        of=row.key,
        after=after,
        most=_AT_ONCE,
    )
    is_over = records.persons.over(row)
    active = row.slots(records.tables.vault, records.tables.running).active
    found: list[_Read] = []
    size = last = 0
    for person in map(PersonRow._make, rows):
        if size >= FULL:
            break
        last = person.key
        if is_over(person):
            continue
        faces = records.persons.faces(person.key)
        people = _enrolled(records, person, faces, active)
        weight = len(person.sealed) + sum(len(face.kept(active) or b"") for face in faces)
        weight += sum(len(face.crop or b"") for face in people.faces) if people else 0
        size += weight
        found.append((person, people, weight))
    return found, last


def _enrolled(
    records: Records, row: PersonRow, faces: list[FaceRow], active: Slot
) -> Enrolled | None:
    """The person as they can be enrolled again, or None if anything of them is damaged."""
    try:
        person = row.opened(records.tables.vault)
        contents = opened_faces(row, faces, records.tables.vault, active)
    except Damaged:
        quarantined(row)
        return None
    words = NewPerson(
        id=person.id,
        name=person.name,
        external_id=person.external_id,
        metadata=person.metadata,
        consent_reference=person.consent_reference,
        expires_at=person.expires_at,
        created_at=person.created_at,
    )
    crops = [_crop(records, row, face) for face in faces]
    return Enrolled(words, [_face(*each) for each in zip(faces, contents, crops, strict=True)])


def _crop(records: Records, person: PersonRow, face: FaceRow) -> bytes | None:
    """None, too, where it is damaged: nothing but another model would miss it."""
    if (kept := records.persons.crop(face.key)) is None:
        return None
    try:
        seal = person.seal(records.tables.vault)
        return seal.open(kept, *face.place(person.collection, "crop"))
    except Damaged:
        quarantined(face)
        return None


def _face(row: FaceRow, content: Content, crop: bytes | None) -> NewFace:
    return NewFace(
        embedding=np.frombuffer(content.embedding, FLOAT),
        norm=content.norm,
        quality=content.quality,
        detection_score=content.detection_score,
        id=row.id,
        created_at=datetime.fromisoformat(row.created_at),
        crop=crop,
    )
