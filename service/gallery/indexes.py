"""The indexes of a gallery's collections, kept at what the database says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from threading import Event, Thread
from typing import Final, TypeAlias

from service.errors import IndexBuilding, ServiceError
from service.gallery import killpoints
from service.gallery.beside import Beside, Closing
from service.gallery.derived import STRAY, snapshot_of
from service.gallery.index import SnapshotRefused
from service.gallery.sources import Sources
from service.gallery.sqlite import Database
from service.gallery.views import Layout, View

logger = logging.getLogger(__name__)

LARGE: Final = 20_000  # persons; fewer are read from the database in half a second
_AT_ONCE: Final = 1000  # persons read in one transaction, so that changes go on meanwhile
_INTERVAL: Final = 900.0  # seconds between snapshots of what has changed
Change: TypeAlias = Callable[[Sources], tuple[bytes, int]]


class Indexes:
    """One index per collection, by its key; those being read are not there yet.

    Large ones are read in the background at the start, so that the others need not wait: from
    snapshots that are written now and then, or else from the database. Calls that change something come from one thread at a
    time, which holds the database. A second one of a collection may stand by, and be turned to.
    """

    def __init__(self, database: Database, layouts: Callable[[int], Layout], large: int) -> None:
        """`layouts` says what a collection's index has to hold; it reads the database."""
        self._database, self._layouts = database, layouts
        self._large, self._interval = killpoints.snapshots(large, _INTERVAL)
        self.from_snapshots: set[int] = set()  # collections that the start read from one
        self._held: dict[int, View] = {}
        self._standby: dict[int, View] = {}  # follow, too
        self._beside = Beside(database, self._read, self._placed)
        self._missed: dict[int, set[int]] = {}  # persons changed while their collection is read
        self._closing = Event()
        self._threads: list[Thread] = []

    def start(
        self, own: Iterable[tuple[int, int]], commit: Callable[[Change], tuple[bytes, int]]
    ) -> None:
        """Loads the collections `own`, (key, faces), and keeps snapshots from then on.

        `commit` applies a change to the database. Large collections are left to a thread.
        """
        self._commit = commit
        for path in self._database.path.parent.glob(STRAY):
            path.unlink()  # of a process that was killed
        late = []
        for key, faces in own:
            if faces >= self._large:
                late.append(key)
            else:
                self.read(key)
        self._missed = {key: set() for key in late}
        for work in (lambda: self._read_late(late), self._keep):
            thread = Thread(target=work, name="indexes", daemon=True)
            thread.start()
            self._threads.append(thread)

    def get(self, collection: int) -> View:
        """Raises IndexBuilding while it is being read at the start."""
        if (index := self._held.get(collection)) is not None:
            return index
        with self._database.exclusive:  # nothing is committed while the truth is read
            if collection in self._missed:
                raise IndexBuilding
            held = self._held.get(collection)
            return self.read(collection) if held is None else held

    def read(self, collection: int) -> View:
        """Reads an index from the truth while nothing is committed."""
        self._held[collection] = view = self._read(collection, self._layouts(collection))
        return view

    def prepare(self, collection: int, layout: Layout, stopped: Callable[[], bool]) -> bool:
        """Reads a second index, which then stands by; False if it was stopped."""
        return self._beside.read(
            collection, layout, lambda: stopped() or self._closing.is_set(), self._stand_by
        )

    def stands_by(self, collection: int, layout: Layout) -> bool:
        """Whether an index of the layout is ready to be turned to."""
        standby = self._standby.get(collection)
        return standby is not None and standby.layout == layout

    def turn(self, collection: int) -> None:
        """From now on the one that stood by answers, and the one that answered stands by."""
        held, standby = self._held.get(collection), self._standby.pop(collection, None)
        self._missed.pop(collection, None)  # what is being read at the start is of the other model
        if standby is not None and standby.layout == self._layouts(collection):
            self._held[collection] = standby
        else:
            self.forget(collection)
        if held is not None:
            self._standby[collection] = held

    def dismiss(self, collection: int) -> None:
        """Nothing needs to stand by for the collection any more."""
        self._standby.pop(collection, None)

    def reshape(self, collection: int) -> None:
        """Reads an index of the layout that the collection has now; until then the old one answers."""
        thread = Thread(target=self._reshape, args=(collection,), name="indexes", daemon=True)
        thread.start()
        self._threads.append(thread)

    def drop(self, collection: int) -> None:
        """The collection is gone, and its snapshot with it."""
        self._held.pop(collection, None)
        self._standby.pop(collection, None)
        self._missed.pop(collection, None)
        self.erase([collection])

    def follow(self, collection: int, person: int) -> bool:
        """Brings the index to what was committed about a person; False if it has to be read."""
        self.follow_beside(collection, person)
        if collection in self._missed:
            self._missed[collection].add(person)
            return True
        view = self._held.get(collection)
        return view is not None and self._placed(view, person)

    def follow_beside(self, collection: int, person: int) -> None:
        """Brings what stands by, or is being read to, to what was committed about a person."""
        self._beside.note(collection, person)
        standby = self._standby.get(collection)
        if standby is not None and not self._placed(standby, person):
            self.dismiss(collection)

    def forget(self, collection: int) -> None:
        """After a failure: the index is read anew by whoever asks for it."""
        self._held.pop(collection, None)

    def erase(self, collections: Collection[int]) -> None:
        """Removes the snapshots, whose keys were just destroyed."""
        for collection in collections:
            try:
                self._path(collection).unlink(missing_ok=True)
            except OSError as error:  # nobody can read it any more, and the next start removes it
                logger.warning("the snapshot of collection %d stays: %s", collection, error)

    @property
    def building(self) -> int:
        """How many collections are still being read."""
        return len(self._missed)

    def close(self) -> None:
        """Writes snapshots of the large indexes that changed."""
        if not self._closing.is_set():
            self._closing.set()
            for thread in self._threads:
                thread.join()
            self._save_all()

    def _from_snapshot(self, collection: int, layout: Layout) -> View | None:
        with self._database.reading() as connection:
            sources = Sources(connection, self._database.vault)
            if (known := sources.snapshot(collection)) is None:
                self.erase([collection])  # there may be a file with somebody who was deleted
                return None
            changed = sources.changed(collection, known[1])
            owners = sources.owners(collection) if layout.fusion == "max" else {}
            expected = len(owners) or sources.with_faces(collection)
        try:
            view, revision = View.load(self._path(collection), known[0], layout, owners)
        except SnapshotRefused as error:
            logger.warning("the snapshot of collection %d is not used: %s", collection, error)
            return None
        if revision != known[1] or not all(self._placed(view, person) for person in changed):
            return None
        if view.rows > expected:
            logger.warning("the snapshot of collection %d holds people who are gone", collection)
            return None
        self.from_snapshots.add(collection)
        logger.info("collection %d is read from its snapshot", collection)
        return view

    def _read(
        self, collection: int, layout: Layout, stopped: Callable[[], bool] = lambda: False
    ) -> View:
        """In short transactions: a long one would keep deleted rows in the write-ahead log."""
        view, after = View(layout), 0
        while True:
            with self._database.reading() as connection:
                sources = Sources(connection, self._database.vault)
                found, after = sources.samples(collection, after, _AT_ONCE, layout.slot)
            view.add(found)
            if after == 0:
                return view
            if stopped():
                raise Closing

    def _read_late(self, collections: Iterable[int]) -> None:
        """Reads while others are served; what changed meanwhile is put into place at the end."""
        for collection in collections:
            try:
                layout = self._layouts(collection)
                view = self._from_snapshot(collection, layout)
                if view is None:
                    view = self._read(collection, layout, self._closing.is_set)
                with self._database.exclusive:
                    missed = self._missed.pop(collection, None)
                    if missed is not None and all(self._placed(view, each) for each in missed):
                        self._answer_with(collection, view)
            except Closing:
                return
            except Exception:
                self._missed.pop(collection, None)
                logger.exception("reading an index failed; the next search tries again")

    def _reshape(self, collection: int) -> None:
        placed = False
        try:
            while not placed and not self._closing.is_set():
                layout = self._layouts(collection)
                placed = self._beside.read(
                    collection, layout, self._closing.is_set, self._answer_with
                )
        except ServiceError as error:  # deleted meanwhile, or of a bundle that is not loaded
            logger.info("the index of collection %d is not read: %s", collection, error)
        except Exception:
            logger.exception("reading an index failed; the one before answers until a restart")

    def _answer_with(self, collection: int, view: View) -> bool:
        """Unless the collection's layout has become another meanwhile, or it is gone."""
        if view.layout != self._layouts(collection):
            return False
        self._held[collection] = view
        return True

    def _stand_by(self, collection: int, view: View) -> bool:
        self._standby[collection] = view
        return True

    def _placed(self, view: View, person: int) -> bool:
        """Whether the index now holds the person's template, or nothing without faces."""
        try:
            with self._database.reading() as connection:
                sources = Sources(connection, self._database.vault)
                samples = sources.samples_of(person, view.layout.slot)
            view.put(person, samples)
        except Exception:
            logger.exception("indexing failed; the index is read anew from the database")
            return False
        return True

    def _keep(self) -> None:
        while not self._closing.wait(self._interval):
            self._save_all()

    def _save_all(self) -> None:
        for collection, view in list(self._held.items()):
            if view.rows >= self._large and self._is_behind(collection):
                try:
                    self._save(collection, view)
                except (OSError, ServiceError) as error:  # a full disk, and the old one is gone
                    logger.warning("no snapshot of collection %d: %s", collection, error)

    def _is_behind(self, collection: int) -> bool:
        with self._database.reading() as connection:
            sources = Sources(connection, self._database.vault)
            known = sources.snapshot(collection)
            gone = known is None or not self._path(collection).exists()
            return gone or bool(known and sources.changed(collection, known[1]))

    def _save(self, collection: int, view: View) -> None:
        """The key first: a deletion that comes in between destroys it, file or no file."""
        path = self._path(collection)

        def change(sources: Sources) -> tuple[bytes, int]:
            if self._held.get(collection) is not view:
                raise IndexBuilding("another index answers by now")
            return sources.new_snapshot(collection)

        key, revision = self._commit(change)
        path.unlink(missing_ok=True)
        if not view.save(path, revision, key):
            logger.info("somebody was deleted while a snapshot was written; it is left out")

    def _path(self, collection: int) -> Path:
        return snapshot_of(self._database, collection)
