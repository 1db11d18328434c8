"""Persons: their rows and profiles, who is searched for, and who is gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import uuid4

from service.errors import PersonExists, PersonNotFound, TemplateCorrupt
from service.gallery.changes import changed, check_match
from service.gallery.contents import Profile, written
from service.gallery.encryption import new_secret
from service.gallery.erasures import Erasures
from service.gallery.protocol import EVERYONE, NewPerson, Page, Person, PersonFilter
from service.gallery.rows import FACE, PERSON, CollectionRow, FaceRow, PersonRow, opened_faces
from service.gallery.sealing import Damaged, Seal
from service.gallery.slots import SLOTS
from service.gallery.tables import Listing, Tables, opened_rows, stamp

_AMONG: Final = "p.key IN (SELECT value FROM json_each(:keys))"  # any number in one parameter


@dataclass(frozen=True, slots=True)
class Persons:
    """Raises PersonNotFound for unknown ids, TemplateCorrupt for rows that are damaged.

    Listings leave those out.
    """

    tables: Tables

    def owner(self, collection: CollectionRow, id: str) -> PersonRow:
        """The person's row; nothing in it needs to be readable."""
        key = "(SELECT key FROM persons WHERE collection = :collection AND id = :id)"
        query = f"{PERSON} WHERE p.key = {key}"
        found = self.tables.one(query, collection=collection.key, id=id)
        if found is None:
            raise PersonNotFound(f"The collection {collection.id!r} has no person {id!r}.")
        return PersonRow(*found)

    def sound(self, collection: CollectionRow, id: str) -> PersonRow:
        """The person's row, of which everything can be read, and all of whose faces can."""
        row = self.owner(collection, id)
        active = collection.slots(self.tables.vault, self.tables.running).active
        try:
            row.opened(self.tables.vault)
            opened_faces(row, self.faces(row.key), self.tables.vault, active)
        except Damaged as damage:
            error = TemplateCorrupt(
                f"What is stored of the person {id!r} in {collection.id!r} is damaged on the disk,"
                " so searches leave the person out. Delete and enroll them again, or restore a"
                " backup."
            )
            error.person = (collection.key, row.key)
            raise error from damage
        return row

    def get(self, collection: CollectionRow, id: str) -> Person:
        return self.sound(collection, id).opened(self.tables.vault)

    def page(
        self, collection: CollectionRow, after: str | None, limit: int, where: PersonFilter
    ) -> Page[Person]:
        select, values = f"{PERSON} WHERE p.collection = :of", dict[str, object](of=collection.key)
        if where.external_id is not None:
            select += " AND p.external = :external"
            values["external"] = self.tables.vault.blinded(collection.key, where.external_id)
        asked = Listing(f"persons:{collection.key}", select, "p.key", PersonRow, after, limit)
        wanted = None if where == EVERYONE else where.fits
        return self.tables.page(asked, self._opened, wanted, **values)

    def searchable(
        self, collection: CollectionRow, keys: Sequence[int], where: PersonFilter
    ) -> dict[int, Person]:
        """Those of the rows `keys` that fit and are still readable persons with a face, in time."""
        query = f"{PERSON} WHERE p.collection = :collection AND p.face_count > 0 AND {_AMONG}"
        rows = self.tables.all(query, collection=collection.key, keys=json.dumps(keys))
        ends = self._ends(collection)
        found = opened_rows(
            (row for row in map(PersonRow._make, rows) if not self._is_over(row, ends)),
            self._opened,
        )
        return {key: person for key, person in found if where == EVERYONE or where.fits(person)}

    def add(self, collection: CollectionRow, new: NewPerson) -> str:
        """The person's id. Raises PersonExists, and InvalidRequest for metadata that is not JSON."""
        id_ = uuid4().hex if new.id is None else new.id
        self._check_free(collection, id_)
        profile = Profile(new.name, new.external_id, new.metadata, new.consent_reference)
        secret, _ = new_secret(self.tables.connection, self.tables.vault)
        created = self.tables.stamp if new.created_at is None else stamp(new.created_at)
        self.tables.run(
            "INSERT INTO persons (key, collection, id, created_at, secret, sealed)"
            " VALUES (:key, :collection, :id, :now, :secret, x'')",
            key=self.tables.next("persons"),
            collection=collection.key,
            id=id_,
            now=created,
            secret=secret,
        )
        self._write(self.owner(collection, id_), profile, new.expires_at)
        return id_

    def change(
        self,
        collection: CollectionRow,
        id: str,
        changes: Mapping[str, Any],
        match: frozenset[str] | None,
    ) -> str:
        """The person's id after it. Raises PreconditionFailed, PersonExists, and InvalidRequest."""
        row = self.sound(collection, id)
        before = row.opened(self.tables.vault)
        check_match(before, match)
        profile = row.profile(row.seal(self.tables.vault))
        words = {k: v for k, v in changes.items() if k in Profile._fields}
        if (id_ := changes.get("id", id)) != id:
            self._check_free(collection, id_)
        expires = changes.get("expires_at", before.expires_at)
        self._write(
            row._replace(id=id_), profile._replace(**changed(profile._asdict(), words)), expires
        )
        return str(id_)

    def remove(self, row: PersonRow) -> None:
        Erasures(self.tables).person(row)
        self.dissolve(row)

    def dissolve(self, row: PersonRow) -> None:
        """Removes the person without an entry in the ledger of what was erased."""
        self.tables.effects.persons.add((row.collection, row.key))
        self.tables.destroy_snapshot(row.collection)
        self.tables.destroy("key = :secret", secret=row.secret)
        self.tables.delete("DELETE FROM faces WHERE person = :key", key=row.key)
        self.tables.delete("DELETE FROM ancestors WHERE person = :key", key=row.key)
        self.tables.delete("DELETE FROM persons WHERE key = :key", key=row.key)

    def rekey(self, person: PersonRow) -> None:
        """Seals all that is kept of a person under a new key, which overwrites the old one.

        Raises Damaged.
        """
        vault, place = self.tables.vault, person.collection
        old, faces = person.seal(vault), self.faces(person.key)
        wrapped, _ = vault.fresh(person.secret)
        new = vault.seal(person.secret, wrapped)
        for face in faces:
            self._rekey_face(face, place, old, new)
        profile = old.resealed(new, person.sealed, *person.place())
        query = "UPDATE persons SET sealed = :sealed WHERE key = :key"
        self.tables.run(query, sealed=profile, key=person.key)
        query = "UPDATE secrets SET wrapped = :wrapped WHERE key = :key"
        self.tables.run(query, wrapped=wrapped, key=person.secret)

    def _rekey_face(self, face: FaceRow, collection: int, old: Seal, new: Seal) -> None:
        """Raises Damaged."""
        sealed, renewed = (
            None if kept is None else old.resealed(new, kept, *face.place(collection, slot))
            for slot in SLOTS
            for kept in [face.kept(slot)]
        )
        query = "UPDATE faces SET sealed = :sealed, renewed = :renewed WHERE key = :key"
        self.tables.run(query, sealed=sealed, renewed=renewed, key=face.key)
        if (crop := self.crop(face.key)) is not None:
            crop = old.resealed(new, crop, *face.place(collection, "crop"))
            self.tables.run(
                "UPDATE crops SET sealed = :crop WHERE face = :key", crop=crop, key=face.key
            )

    def crop(self, face: int) -> bytes | None:
        """The sealed crop of the face `face`, where one is kept."""
        found = self.tables.one("SELECT sealed FROM crops WHERE face = :face", face=face)
        return None if found is None else found[0]

    def expired(self, collection: CollectionRow, limit: int) -> list[PersonRow]:
        """Some of those whose time is over, by what is sealed: a flipped bit deletes nobody."""
        ends = self._ends(collection)
        rows = self.tables.run(
            f"{PERSON} WHERE p.collection = :of"
            " AND (p.expires_at <= :now OR p.created_at <= :created)",
            of=collection.key,
            now=self.tables.stamp,
            created=None if ends is None else stamp(ends),
        )
        sound = opened_rows(map(PersonRow._make, rows), lambda row: (row, self._opened(row)))
        return [row for _, (row, _) in islice(sound, limit)]

    def over(self, collection: CollectionRow) -> Callable[[PersonRow], bool]:
        """What tells whose time is over: they are there for a minute more, and not found."""
        ends = self._ends(collection)
        return lambda row: self._is_over(row, ends)

    def faces(self, person: int) -> list[FaceRow]:
        rows = self.tables.all(f"{FACE} WHERE f.person = :person ORDER BY f.key", person=person)
        return [FaceRow(*row) for row in rows]

    def _write(self, row: PersonRow, profile: Profile, expires: datetime | None) -> None:
        """Seals the profile for the place that the row now says."""
        row = row._replace(expires_at=None if expires is None else stamp(expires))
        sealed = row.seal(self.tables.vault).close(written(profile), *row.place())
        self.tables.run(
            "UPDATE persons SET id = :id, expires_at = :expires, external = :external,"
            " sealed = :sealed WHERE key = :key",
            id=row.id,
            expires=row.expires_at,
            external=self.tables.vault.blinded(row.collection, profile.external_id),
            sealed=sealed,
            key=row.key,
        )

    def _check_free(self, collection: CollectionRow, id: str) -> None:
        taken = "SELECT 1 FROM persons WHERE collection = :collection AND id = :id"
        if self.tables.one(taken, collection=collection.key, id=id):
            raise PersonExists(f"The collection has a person {id!r} already.")

    def _ends(self, collection: CollectionRow) -> datetime | None:
        """Who was created until then is kept no longer, by the collection's retention."""
        try:
            days = collection.label(self.tables.vault).settings.get("retention_days")
        except Damaged:
            return None
        return None if days is None else self.tables.now - timedelta(days=days)

    def _is_over(self, row: PersonRow, ends: datetime | None) -> bool:
        over = row.expires_at is not None and row.expires_at <= self.tables.stamp
        return over or (ends is not None and row.created_at <= stamp(ends))

    @property
    def _opened(self) -> Callable[[PersonRow], Person]:
        return lambda row: row.opened(self.tables.vault)
