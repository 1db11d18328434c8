"""The indexes of a gallery's collections, kept at what the database says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from threading import Event, Thread
from typing import Final, TypeAlias

from service.errors import IndexBuilding, ServiceError
from service.gallery.index import Index, SnapshotRefused
from service.gallery.sources import Sources
from service.gallery.sqlite import Database
from service.gallery.templates import templates

logger = logging.getLogger(__name__)

LARGE: Final = 20_000  # persons; fewer are read from the database in half a second
_AT_ONCE: Final = 1000  # persons read in one transaction, so that changes go on meanwhile
_INTERVAL: Final = 900.0  # seconds between snapshots of what has changed
Change: TypeAlias = Callable[[Sources], tuple[bytes, int]]


class _Closing(Exception):
    """Nobody waits for the index any more."""


class Indexes:
    """One index per collection, by its key; those being read are not there yet.

    Large ones are written to snapshots, which a start reads instead of the database, and read in
    the background where there is none. Calls that change something come from one thread at a
    time, which holds the database.
    """

    def __init__(self, database: Database, dimension: int, large: int) -> None:
        self._database, self._dimension, self._large = database, dimension, large
        self._held: dict[int, Index] = {}
        self._missed: dict[int, set[int]] = {}  # persons changed while their collection is read
        self._closing = Event()
        self._threads: list[Thread] = []

    def start(
        self, own: Iterable[tuple[int, int]], commit: Callable[[Change], tuple[bytes, int]]
    ) -> None:
        """Loads the collections `own`, (key, faces), and keeps snapshots from then on.

        `commit` applies a change to the database. Large collections without a snapshot that can
        be used are left to a thread.
        """
        self._commit = commit
        for path in self._database.path.parent.glob("index-*.snapshot.tmp"):
            path.unlink()  # of a process that was killed
        late = [key for key, faces in own if not self._loaded(key, faces)]
        self._missed = {key: set() for key in late}
        for work in (lambda: self._read_late(late), self._keep):
            thread = Thread(target=work, name="indexes", daemon=True)
            thread.start()
            self._threads.append(thread)

    def get(self, collection: int) -> Index:
        """Raises IndexBuilding while it is being read at the start."""
        if (index := self._held.get(collection)) is not None:
            return index
        with self._database.exclusive:  # nothing is committed while the truth is read
            if collection in self._missed:
                raise IndexBuilding
            return self._held.get(collection) or self.read(collection)

    def read(self, collection: int) -> Index:
        """Reads an index from the truth while nothing is committed."""
        self._held[collection] = index = self._read(collection)
        return index

    def drop(self, collection: int) -> None:
        """The collection is gone, and its snapshot with it."""
        self._held.pop(collection, None)
        self._missed.pop(collection, None)
        self._path(collection).unlink(missing_ok=True)

    def follow(self, collection: int, person: int) -> bool:
        """Brings the index to what was committed about a person; False if it has to be read."""
        if collection in self._missed:
            self._missed[collection].add(person)
            return True
        index = self._held.get(collection)
        return index is not None and self._placed(index, person)

    def forget(self, collection: int) -> None:
        """After a failure: the index is read anew by whoever asks for it."""
        self._held.pop(collection, None)

    def erase(self, collections: Collection[int]) -> None:
        """Removes the snapshots, whose keys were just destroyed."""
        for collection in collections:
            self._path(collection).unlink(missing_ok=True)

    def close(self) -> None:
        """Writes snapshots of the large indexes that changed."""
        if not self._closing.is_set():
            self._closing.set()
            for thread in self._threads:
                thread.join()
            self._save_all()

    def _loaded(self, collection: int, faces: int) -> bool:
        """Whether the collection can be searched now."""
        if self._from_snapshot(collection):
            return True
        if faces >= self._large:
            return False
        self.read(collection)
        return True

    def _from_snapshot(self, collection: int) -> bool:
        with self._database.reading() as connection:
            sources = Sources(connection, self._database.vault)
            if (known := sources.snapshot(collection)) is None:
                return False
            changed, expected = (
                sources.changed(collection, known[1]),
                sources.with_faces(collection),
            )
        try:
            index, revision = Index.load(self._path(collection), known[0], self._dimension)
        except SnapshotRefused as error:
            logger.warning("the snapshot of collection %d is not used: %s", collection, error)
            return False
        if revision != known[1] or not all(self._placed(index, person) for person in changed):
            return False
        if len(index) > expected:
            logger.warning("the snapshot of collection %d holds people who are gone", collection)
            return False
        self._held[collection] = index
        return True

    def _read(self, collection: int, *, late: bool = False) -> Index:
        """In short transactions: a long one would keep deleted rows in the write-ahead log."""
        index, after = Index(self._dimension), 0
        while True:
            with self._database.reading() as connection:
                sources = Sources(connection, self._database.vault)
                found, after = sources.samples(collection, after, _AT_ONCE)
            for rows, vectors in templates(found, self._dimension):
                index.add(rows, vectors)
            if after == 0:
                return index
            if late and self._closing.is_set():
                raise _Closing

    def _read_late(self, collections: Iterable[int]) -> None:
        """Reads while others are served; what changed meanwhile is put into place at the end."""
        for collection in collections:
            try:
                index = self._read(collection, late=True)
                with self._database.exclusive:
                    missed = self._missed.pop(collection, None)
                    if missed is not None and all(self._placed(index, each) for each in missed):
                        self._held[collection] = index
            except _Closing:
                return
            except Exception:
                self._missed.pop(collection, None)
                logger.exception("reading an index failed; the next search tries again")

    def _placed(self, index: Index, person: int) -> bool:
        """Whether the index now holds the person's template, or nothing without faces."""
        try:
            with self._database.reading() as connection:
                samples = Sources(connection, self._database.vault).samples_of(person)
            for _, (template,) in templates(samples, self._dimension):
                index.put(person, template)
            if not samples:
                index.remove(person)
        except Exception:
            logger.exception("indexing failed; the index is read anew from the database")
            return False
        return True

    def _keep(self) -> None:
        while not self._closing.wait(_INTERVAL):
            self._save_all()

    def _save_all(self) -> None:
        for collection, index in list(self._held.items()):
            if len(index) >= self._large and self._is_behind(collection):
                try:
                    self._save(collection, index)
                except (OSError, ServiceError) as error:  # a full disk, and the old one is gone
                    logger.warning("no snapshot of collection %d: %s", collection, error)

    def _is_behind(self, collection: int) -> bool:
        with self._database.reading() as connection:
            sources = Sources(connection, self._database.vault)
            known = sources.snapshot(collection)
            gone = known is None or not self._path(collection).exists()
            return gone or bool(known and sources.changed(collection, known[1]))

    def _save(self, collection: int, index: Index) -> None:
        """The key first: a deletion that comes in between destroys it, file or no file."""
        path = self._path(collection)
        key, revision = self._commit(lambda sources: sources.new_snapshot(collection))
        path.unlink(missing_ok=True)
        if not index.save(path, revision, key):
            logger.info("somebody was deleted while a snapshot was written; it is left out")

    def _path(self, collection: int) -> Path:
        return self._database.path.with_name(f"index-{collection}.snapshot")
