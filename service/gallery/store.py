"""The truth and the indexes over it, joined: a change is committed, then indexed, then answered."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from service.errors import BundleMismatch, RenewalNotFound, StorageFull, TemplateCorrupt
from service.gallery import killpoints
from service.gallery.backups import Backups
from service.gallery.commits import Commits
from service.gallery.erasing import erase_again
from service.gallery.erasures import Erasures
from service.gallery.faces import features, mismatch
from service.gallery.indexes import Indexes
from service.gallery.ledger import FILE, Ledger
from service.gallery.protocol import Backup, NewFace, Sizes
from service.gallery.records import Records
from service.gallery.rows import CollectionRow
from service.gallery.slots import Slots
from service.gallery.sources import Sources
from service.gallery.sqlite import Database
from service.gallery.tables import Effects, Tables
from service.gallery.vectors import Space
from service.gallery.views import Layout, View

T = TypeVar("T")
Clock: TypeAlias = Callable[[], datetime]
logger = logging.getLogger(__name__)

DEFAULT: Final = "default"  # the collection that always exists


class Store:
    """What all that a gallery does is made of. `space` is that of the bundle in service.

    Changes wait for each other; reading does not wait for them.
    """

    def __init__(
        self, database: Database, space: Space, others: Iterable[Space], large: int, clock: Clock
    ) -> None:
        """`others` are of bundles that collections may belong to, or change to."""
        self.database, self.space = database, space
        self.spaces = {each.bundle: each for each in (space, *others)}
        self._clock = clock
        self.indexes = Indexes(database, self.layout, large)  # of the collections of the bundles
        self.commit = Commits(database, self._records, self._settle)
        self._backups = Backups(database)
        self._ledger = Ledger(database.path.with_name(FILE))

    def start(self) -> None:
        """Makes `default` and reads the indexes, when nothing is left that was erased."""
        self._erase_again()
        with self.reading() as records:
            kept = records.collections.rows()
            own = [(row.key, row.face_count) for row in kept if self._is_own(records, row)]
        if not any(row.id == DEFAULT for row in kept):
            self.commit(lambda records: records.collections.add(DEFAULT, None, {}, {}))
        self.indexes.start(own, self._applied)

    def close(self) -> None:
        self.indexes.close()
        self.database.close()

    @contextmanager
    def reading(self) -> Iterator[Records]:
        """What is committed now, and nothing committed later.

        Whoever turns out to be damaged in it is not found by searches any more.
        """
        try:
            with self.database.reading() as connection:
                yield self._records(connection)
        except TemplateCorrupt as error:
            if error.person is not None:
                with self.database.exclusive:
                    self.indexes.follow(*error.person)
            raise

    def sizes(self) -> Sizes:
        """As the protocol of the gallery says."""
        with self.reading() as records:
            return records.collections.sizes()

    def remove(self, change: Callable[[Records], T]) -> T:
        """Commits a deletion; on a full disk in the room that is kept for it."""
        try:
            return self.commit(change)
        except StorageFull:
            with self.database.reserve.spent():
                self.database.erase()  # a shorter log is the first room there is
                return self.commit(change)

    def backup(self) -> Backup:
        return self._backups.make(self._clock())

    def ours(self, records: Records, collection: str) -> CollectionRow:
        """The collection's row. Raises BundleMismatch if its faces are of another bundle."""
        row = records.collections.place(collection)
        if (bundle := records.collections.belongs(row)) not in self.spaces:
            raise BundleMismatch(
                f"The faces of the collection {collection!r} were enrolled with the model"
                f" {bundle!r} and cannot be compared with those of {self.space.bundle!r}, which"
                " runs now; run that model, beside it as FACE_NEXT_BUNDLE if need be, or enroll"
                " into another collection."
            )
        return row

    def check(self, face: NewFace) -> None:
        """Raises InvalidEmbedding, and BundleMismatch for features of a bundle that is not loaded."""
        for bundle, seen in features(face, self.space.bundle).items():
            if (space := self.spaces.get(bundle)) is None:
                raise mismatch(self.space.bundle, [bundle])
            space.check_face(seen)

    def check_complete(self, slots: Slots, faces: Iterable[NewFace]) -> None:
        """Raises BundleMismatch if a face lacks what a loaded bundle of the collection makes of it.

        While a collection changes its model, a face of one of the two only would be missing later.
        """
        wanted = [bundle for bundle in slots.wanted.values() if bundle in self.spaces]
        for known in (features(face, self.space.bundle) for face in faces):
            for bundle in wanted:
                if bundle not in known:
                    raise mismatch(bundle, known)

    def layout(self, collection: int, *, spare: bool = False) -> Layout:
        """What the index of the collection's active slot, or of the spare one, has to hold.

        Raises BundleMismatch if the bundle is not loaded, CollectionNotFound, and RenewalNotFound
        if the spare slot is empty.
        """
        with self.reading() as records:
            row = records.collections.by_key(collection)
            slots = records.collections.slots(row)
            fusion = records.collections.settings_of(row).template or "norm_weighted"
        wanted = slots.wanted
        slot = slots.spare if spare else slots.active
        if slot not in wanted:
            raise RenewalNotFound(f"The collection {row.id!r} is not changing its model.")
        if (space := self.spaces.get(wanted[slot])) is None:
            raise BundleMismatch(f"The model {wanted[slot]!r} of {row.id!r} is not loaded.")
        return Layout(space.bundle, space.dimension, slot, fusion)

    def index(self, collection: str) -> View:
        """Raises BundleMismatch and IndexBuilding."""
        with self.reading() as records:
            key = self.ours(records, collection).key
        view = self.indexes.get(key)
        # Whoever is enrolled next into an empty collection decides which bundle it is of.
        return view if len(view) else View(self.layout(key))

    def _records(self, connection: sqlite3.Connection) -> Records:
        vault, now = self.database.vault, self._clock()
        return Records(Tables(connection, self.space.bundle, vault, now))

    def _applied(self, change: Callable[[Sources], T]) -> T:
        return self.commit(lambda each: change(Sources(each.tables.connection, each.tables.vault)))

    def _is_own(self, records: Records, row: CollectionRow) -> bool:
        """Whether the collection can be searched with one of our bundles."""
        return records.collections.belongs(row) in self.spaces

    def _erase_again(self) -> None:
        """Where `gallery.db` is an old copy, the ledger beside it knows what was erased since."""
        with self.reading() as records:
            unknown = self._ledger.unknown(Erasures(records.tables))
        if unknown:
            removed = erase_again(self.database, unknown, self._clock())
            logger.warning("erased again in a gallery.db that was put back: %s", dict(removed))
        with self.reading() as records:
            self._ledger.catch_up(Erasures(records.tables))

    def _settle(self, committed: Sequence[Effects]) -> None:
        """Brings indexes and files to what was just committed."""
        persons = set().union(*(each.persons for each in committed))
        erased = set().union(*(each.erased for each in committed))
        if persons:
            killpoints.reached(killpoints.AFTER_COMMIT)
        if any(each.erasures for each in committed):
            with self.reading() as records:
                self._ledger.follow(Erasures(records.tables))
        for each in committed:
            self._settle_indexes(each)
        for collection, person in sorted(persons):
            if not self.indexes.follow(collection, person):
                self._read_anew(collection)
        if erased:
            self.indexes.erase(erased)
            self.database.erase()
        if persons:
            killpoints.reached(killpoints.AFTER_INDEX)

    def _settle_indexes(self, effects: Effects) -> None:
        """What concerns whole indexes, and what stands by."""
        for collection in effects.collections:
            self.indexes.drop(collection)
        for collection in effects.turned:
            self.indexes.turn(collection)
        for collection in effects.forgotten:
            self.indexes.forget(collection)
        for collection in effects.reshaped:
            self.indexes.reshape(collection)
        for collection, person in effects.renewed:
            self.indexes.follow_beside(collection, person)

    def _read_anew(self, collection: int) -> None:
        """Reads the collection's index, if it is of our bundle; else, or failing, it has none."""
        self.indexes.forget(collection)
        with self.reading() as records:
            rows = [row for row in records.collections.rows() if row.key == collection]
            ours = [row for row in rows if self._is_own(records, row)]
        try:
            for row in ours:
                self.indexes.read(row.key)
        except Exception:
            logger.exception("reading an index failed; the next search tries again")
