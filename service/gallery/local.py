"""The gallery on one machine: SQLite is the truth, FAISS answers, and what is told is on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np

from service.gallery.exports import exported
from service.gallery.faces import mismatch
from service.gallery.imports import imported
from service.gallery.indexes import LARGE
from service.gallery.keys import KeySource
from service.gallery.protocol import (
    EVERYONE,
    Backup,
    Candidate,
    Clash,
    Collection,
    CollectionSettings,
    Face,
    Imported,
    Metadata,
    NewFace,
    NewPerson,
    Once,
    Page,
    Part,
    Person,
    PersonFilter,
    Vectors,
)
from service.gallery.records import Records
from service.gallery.renewals import Renewals
from service.gallery.samples import Samples
from service.gallery.sqlite import Database, opening
from service.gallery.store import DEFAULT, Clock, Store
from service.gallery.sweeping import Sweeping
from service.gallery.templates import Rows
from service.gallery.vectors import Space

_SWEEP: Final = 60.0  # seconds between looks at whose time is over
_AT_ONCE: Final = 100  # persons deleted in one transaction, so that others get their turn
_WIDEST: Final = 8192  # persons looked at for a filter before the rest count as too dissimilar


class LocalGallery:
    """A `Gallery` in a directory: every change is committed, then indexed, then answered.

    Changes wait for each other; searches and listings do not wait for them. Deleting `default`
    empties it and makes it anew.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.renewals = Renewals(store)
        self.samples = Samples(store)
        self.sizes = store.sizes
        self._sweeping = Sweeping(self.sweep, _SWEEP)

    @classmethod
    def open(  # noqa: PLR0913 - what differs between a service, a test and a fault
        cls,
        directory: Path,
        *,
        bundle: str,
        dimension: int,
        others: Mapping[str, int] = MappingProxyType({}),
        keys: KeySource | None = None,
        large: int = LARGE,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> Self:
        """Opens or creates the gallery and loads its templates, of `dimension` values.

        `others` are the dimensions of further bundles in service, by id.
        Collections of `large` persons are read from snapshots, or else in the background.
        Without `keys` the root key is in the directory, and made with a new gallery. Raises
        DataDirectoryUnusable: not writable, not a gallery, not of that root key, or in use by
        another process.
        """
        database = Database(directory, keys)
        spaces = [Space(*each) for each in others.items()]
        gallery = cls(Store(database, Space(bundle, dimension), spaces, large, clock))
        try:
            with opening(directory):
                gallery._store.start()
                gallery._sweeping.start()
        except BaseException:
            database.close()
            raise
        return gallery

    def create_collection(
        self,
        id: str,
        name: str | None,
        metadata: Metadata,
        settings: Metadata | None = None,
        once: Once[Collection] | None = None,
    ) -> Collection:
        """Raises CollectionExists, InvalidRequest and StorageFull; with `once`, what it recalls."""

        def change(records: Records) -> Collection:
            records.answered.recall(once)
            records.collections.add(id, name, metadata, settings or {})
            made = records.collections.get(id)
            records.answered.keep(once, made, records.collections.place(id))
            return made

        return self._store.commit(change)

    def collection(self, id: str) -> Collection:
        with self._store.reading() as records:
            return records.collections.get(id)

    def settings(self, collection: str) -> CollectionSettings:
        with self._store.reading() as records:
            return records.collections.settings(collection)

    def collections(self, after: str | None, limit: int) -> Page[Collection]:
        with self._store.reading() as records:
            return records.collections.page(after, limit)

    def change_collection(
        self, id: str, changes: Mapping[str, Any], match: frozenset[str] | None = None
    ) -> Collection:
        def change(records: Records) -> Collection:
            records.collections.change(id, changes, match)
            return records.collections.get(id)

        return self._store.commit(change)

    def delete_collection(self, id: str) -> None:
        def change(records: Records) -> None:
            records.collections.remove(records.collections.place(id))
            if id == DEFAULT:
                records.collections.add(id, None, {}, {})

        self._store.remove(change)

    def create_person(
        self, collection: str, person: NewPerson, once: Once[Person] | None = None
    ) -> Person:
        def change(records: Records) -> Person:
            records.answered.recall(once)
            into = records.collections.place(collection)
            made = records.persons.get(into, records.persons.add(into, person))
            records.answered.keep(once, made, records.persons.owner(into, made.id))
            return made

        return self._store.commit(change)

    def person(self, collection: str, person: str) -> Person:
        with self._store.reading() as records:
            return records.persons.get(records.collections.place(collection), person)

    def persons(
        self, collection: str, after: str | None, limit: int, where: PersonFilter = EVERYONE
    ) -> Page[Person]:
        with self._store.reading() as records:
            place = records.collections.place(collection)
            return records.persons.page(place, after, limit, where)

    def change_person(
        self,
        collection: str,
        person: str,
        changes: Mapping[str, Any],
        match: frozenset[str] | None = None,
    ) -> Person:
        def change(records: Records) -> Person:
            place = records.collections.place(collection)
            return records.persons.get(place, records.persons.change(place, person, changes, match))

        return self._store.commit(change)

    def merge_persons(
        self, collection: str, source: str, target: str, once: Once[Person] | None = None
    ) -> Person:
        def change(records: Records) -> Person:
            records.answered.recall(once)
            place = records.collections.place(collection)
            merged = records.merge(place, source, target)
            records.answered.keep(once, merged, records.persons.owner(place, target))
            return merged

        return self._store.remove(change)

    def delete_person(self, collection: str, person: str) -> None:
        def change(records: Records) -> None:
            place = records.collections.place(collection)
            records.persons.remove(records.persons.owner(place, person))

        self._store.remove(change)

    def enroll(
        self,
        collection: str,
        person: str,
        faces: Sequence[NewFace],
        once: Once[tuple[Person, list[Face]]] | None = None,
    ) -> list[Face]:
        """All faces or none. Raises InvalidEmbedding too."""

        def change(records: Records) -> list[Face]:
            records.answered.recall(once)
            into = self._store.ours(records, collection)
            owner = records.persons.sound(into, person)
            records.collections.belong(into)
            self._store.check_complete(records.collections.slots(into), faces)
            added = [records.faces.add(owner, face) for face in faces]
            if once is not None:
                records.answered.keep(once, (records.persons.get(into, person), added), owner)
            return added

        for face in faces:
            self._store.check(face)
        return self._store.commit(change)

    def faces(self, collection: str, person: str, after: str | None, limit: int) -> Page[Face]:
        with self._store.reading() as records:
            owner = records.persons.sound(records.collections.place(collection), person)
            return records.faces.page(owner, after, limit)

    def move_face(
        self,
        collection: str,
        person: str,
        face: str,
        target: str,
        once: Once[Person] | None = None,
    ) -> Person:
        """Both persons' templates follow; the giver gets another key. InvalidRequest for oneself."""

        def change(records: Records) -> Person:
            records.answered.recall(once)
            place = records.collections.place(collection)
            taker = records.move_face(place, person, face, target)
            records.answered.keep(once, taker, records.persons.owner(place, target))
            return taker

        return self._store.remove(change)

    def delete_face(self, collection: str, person: str, face: str) -> None:
        def change(records: Records) -> None:
            place = records.collections.place(collection)
            records.faces.remove(records.persons.owner(place, person), face)

        self._store.remove(change)

    def export_part(self, collection: str, after: str | None, limit: int) -> Part:
        return exported(self._store, collection, after, limit)

    def import_part(self, collection: str, part: Part, clash: Clash = "fail") -> Imported:
        """As the protocol says; raises InvalidEmbedding, and UnusablePart for ids that come twice."""
        return imported(self._store, collection, part, clash)

    def recall(self, once: Once[Any]) -> None:
        with self._store.reading() as records:
            records.answered.recall(once)

    def bundles(self, collection: str) -> tuple[str, ...]:
        """As the protocol says."""
        with self._store.reading() as records:
            slots = records.collections.slots(self._store.ours(records, collection))
        return tuple(each for each in slots.wanted.values() if each in self._store.spaces)

    def bundle(self, collection: str) -> str:
        """As the protocol says."""
        return self._store.index(collection).layout.bundle

    def size(self, collection: str) -> int:
        """As the protocol says; raises BundleMismatch as the search would."""
        return len(self._store.index(collection))

    def search(  # noqa: PLR0913 - what is asked, each with a default
        self,
        collection: str,
        probes: Vectors,
        limit: int,
        where: PersonFilter = EVERYONE,
        least: float = -1.0,
        bundle: str | None = None,
    ) -> list[list[Candidate]]:
        """As the protocol says; equals come in the order they were created. Raises InvalidEmbedding.

        Where too few of the nearest fit, more are looked at, up to the 8,192 most similar.
        """
        index, width = self._store.index(collection), limit
        if index.layout.bundle != (bundle or self._store.space.bundle):
            raise mismatch(index.layout.bundle, [bundle or self._store.space.bundle])
        self._store.spaces[index.layout.bundle].check(probes)
        while True:
            rows, cosines = index.search(probes, width)
            found = self._found(collection, rows, cosines, where)
            short = [n for n, near in enumerate(found) if len(near) < limit]
            all_seen = width >= min(len(index), _WIDEST)
            if all_seen or not (cosines[short, -1:] >= least).any():
                return [near[:limit] for near in found]
            width = min(4 * width, _WIDEST)

    def backup(self) -> Backup:
        return self._store.backup()

    def sweep(self) -> int:
        with self._store.reading() as records:
            over = [row.key for row in records.collections.rows() if records.expired(row.key, 1)]
            stale = records.answered.are_over()
        while stale and self._store.remove(lambda records: records.answered.purge(_AT_ONCE)):
            pass
        return sum(self._swept(key) for key in over)

    def _swept(self, collection: int) -> int:
        """In several transactions, so that others get their turn."""
        swept = 0
        while count := self._store.remove(lambda records: records.sweep(collection, _AT_ONCE)):
            swept += count
        return swept

    @property
    def building(self) -> int:
        return self._store.indexes.building

    @property
    def writable(self) -> bool:
        return self._store.database.writable

    def close(self) -> None:
        self._sweeping.stop()
        self._store.close()

    def _found(
        self, collection: str, rows: Rows, cosines: Vectors, where: PersonFilter
    ) -> list[list[Candidate]]:
        """The persons of the index's rows, without those who do not fit or have gone."""
        with self._store.reading() as records:
            place = records.collections.place(collection)
            known = records.persons.searchable(place, np.unique(rows).tolist(), where)
        return [
            [
                Candidate(known[row], cosine)
                for row, cosine in zip(near, similar, strict=True)
                if row in known
            ]
            for near, similar in zip(rows.tolist(), cosines.tolist(), strict=True)
        ]
