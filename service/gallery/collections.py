"""Collections: their rows, their words and the model that their faces belong to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.errors import (
    CollectionExists,
    CollectionNotFound,
    InvalidRequest,
    RenewalConflict,
    TemplateCorrupt,
)
from service.gallery.changes import changed, check_match
from service.gallery.contents import Label, written
from service.gallery.encryption import new_secret
from service.gallery.erasures import Erasures
from service.gallery.protocol import Collection, CollectionSettings, Metadata, Page, Sizes
from service.gallery.rows import COLLECTION, CollectionRow
from service.gallery.sealing import Damaged
from service.gallery.slots import Slots
from service.gallery.tables import Listing, Tables, quarantined, stamp

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collections:
    """Raises CollectionNotFound for unknown ids, TemplateCorrupt for rows that are damaged."""

    tables: Tables

    def place(self, id: str) -> CollectionRow:
        """The collection's row; nothing in it needs to be readable."""
        # By its key, so that the id is the row's: where only an index is right, the seal tells.
        key = "(SELECT key FROM collections WHERE id = :id)"
        found = self.tables.one(f"{COLLECTION} WHERE c.key = {key}", id=id)
        if found is None:
            raise CollectionNotFound(f"There is no collection {id!r}.")
        return CollectionRow(*found)

    def get(self, id: str) -> Collection:
        row = self.place(id)
        return row.told(self._label(id, row), self.tables.running)

    def _label(self, id: str, row: CollectionRow) -> Label:
        """What is sealed of the collection. Raises TemplateCorrupt."""
        try:
            return row.label(self.tables.vault)
        except Damaged as error:
            raise TemplateCorrupt(
                f"The name and the metadata of the collection {id!r} are damaged on the disk;"
                " its persons are not. Restore a backup, or move them into another collection."
            ) from error

    def settings(self, id: str) -> CollectionSettings:
        return self.settings_of(self.place(id))

    def settings_of(self, row: CollectionRow) -> CollectionSettings:
        """The defaults, and a line in the log, where they are damaged."""
        try:
            return CollectionSettings(**row.label(self.tables.vault).settings)
        except Damaged:
            quarantined(row)
            return CollectionSettings()

    def belongs(self, row: CollectionRow) -> str:
        """The id of the bundle that the collection's faces are of."""
        return self.slots(row).bundle

    def slots(self, row: CollectionRow) -> Slots:
        return row.slots(self.tables.vault, self.tables.running)

    def by_key(self, key: int) -> CollectionRow:
        found = self.tables.one(f"{COLLECTION} WHERE c.key = :key", key=key)
        if found is None:
            raise CollectionNotFound("The collection was deleted meanwhile.")
        return CollectionRow(*found)

    def turn(self, row: CollectionRow, slots: Slots) -> None:
        """From now on the collection's features are where `slots` says."""
        renewal = None if slots.state is None or slots.other is None else (slots.state, slots.other)
        label = self._label(row.id, row)
        if label.slot != slots.active:
            self.tables.effects.turned.add(row.key)
            self.tables.destroy_snapshot(row.key)
        query = "UPDATE collections SET bundle = :bundle, slot = :slot WHERE key = :key"
        self.tables.run(query, key=row.key, bundle=slots.bundle, slot=slots.active)
        self._write(row, label._replace(bundle=slots.bundle, slot=slots.active, renewal=renewal))

    def page(self, after: str | None, limit: int) -> Page[Collection]:
        select = f"{COLLECTION} WHERE TRUE"
        where = Listing("collections", select, "c.key", CollectionRow, after, limit)
        return self.tables.page(where, self._opened)

    def sizes(self) -> Sizes:
        query = "SELECT count(*), total(person_count), total(face_count) FROM collections"
        return Sizes(*map(int, self.tables.all(query)[0]))

    def rows(self) -> list[CollectionRow]:
        return [CollectionRow(*row) for row in self.tables.all(COLLECTION)]

    def add(
        self,
        id: str,
        name: str | None,
        metadata: Metadata,
        settings: Metadata,
        created_at: datetime | None = None,
    ) -> None:
        """Raises CollectionExists, and InvalidRequest for metadata that is not JSON."""
        if self.tables.one("SELECT 1 FROM collections WHERE id = :id", id=id):
            raise CollectionExists(f"There is a collection {id!r} already.")
        _check(settings)
        label = written(Label(name, metadata, None, settings))
        now = self.tables.stamp if created_at is None else stamp(created_at)
        key = self.tables.next("collections")
        secret, seal = new_secret(self.tables.connection, self.tables.vault)
        self.tables.run(
            "INSERT INTO collections (key, id, created_at, secret, sealed)"
            " VALUES (:key, :id, :now, :secret, :sealed)",
            key=key,
            id=id,
            now=now,
            secret=secret,
            sealed=seal.close(label, "collection", key, now, id),
        )

    def change(self, id: str, changes: Mapping[str, Any], match: frozenset[str] | None) -> None:
        """Raises PreconditionFailed, and InvalidRequest for metadata that is not JSON."""
        row = self.place(id)
        label = self._label(id, row)
        check_match(row.told(label, self.tables.running), match)
        after = label._replace(**changed(label._asdict(), changes))
        if _fusion(after) != _fusion(label):
            self._reshape(row, label)
        self._write(row, after)

    def belong(self, row: CollectionRow) -> None:
        """The collection's faces are the running bundle's from now on, if it has none yet."""
        if row.face_count or self.slots(row).state is not None:
            return
        query = "UPDATE collections SET bundle = :bundle WHERE key = :key"
        self.tables.run(query, key=row.key, bundle=self.tables.running)
        try:
            label = row.label(self.tables.vault)
        except Damaged:
            logger.warning("the label of collection %d is damaged; it stays so", row.key)
        else:
            if label.bundle not in {None, self.tables.running}:
                self.tables.effects.forgotten.add(row.key)
            self._write(row, label._replace(bundle=self.tables.running))

    def remove(self, row: CollectionRow) -> None:
        """Removes the collection and its persons; their keys first, which is what counts."""
        Erasures(self.tables).collection(row)
        self.tables.effects.collections.add(row.key)
        self.tables.destroy_snapshot(row.key)
        self.tables.run("DELETE FROM snapshots WHERE collection = :key", key=row.key)
        self.tables.destroy(
            "key = :secret OR key IN (SELECT secret FROM persons WHERE collection = :key)",
            secret=row.secret,
            key=row.key,
        )
        self.tables.delete(
            "DELETE FROM faces WHERE person IN (SELECT key FROM persons WHERE collection = :key)",
            key=row.key,
        )
        self.tables.delete(
            "DELETE FROM ancestors WHERE person IN"
            " (SELECT key FROM persons WHERE collection = :key)",
            key=row.key,
        )
        self.tables.delete("DELETE FROM persons WHERE collection = :key", key=row.key)
        self.tables.delete("DELETE FROM collections WHERE key = :key", key=row.key)

    def _reshape(self, row: CollectionRow, label: Label) -> None:
        """Its index is made anew, of other templates."""
        if label.renewal is not None:
            raise RenewalConflict(
                f"The collection {row.id!r} is changing its model; finish that, or cancel it, and"
                " change the template then."
            )
        self.tables.effects.reshaped.add(row.key)
        self.tables.destroy_snapshot(row.key)

    def _write(self, row: CollectionRow, label: Label) -> None:
        _check(label.settings)
        sealed = row.seal(self.tables.vault).close(written(label), *row.place())
        query = "UPDATE collections SET sealed = :sealed WHERE key = :key"
        self.tables.run(query, key=row.key, sealed=sealed)

    def _opened(self, row: CollectionRow) -> Collection:
        return row.told(row.label(self.tables.vault), self.tables.running)


def _fusion(label: Label) -> str:
    return label.settings.get("template") or "norm_weighted"


def _check(settings: Metadata) -> None:
    if settings.get("fpir") is not None and settings.get("threshold") is not None:
        raise InvalidRequest("settings: either fpir or threshold; each of them sets the other.")
