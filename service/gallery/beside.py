"""Reads an index beside the one that answers, and what changes meanwhile into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from service.gallery.sqlite import Database
from service.gallery.views import Layout, View

Stopped: TypeAlias = Callable[[], bool]
_FEW: Final = 50  # persons put into place while changes wait


class Closing(Exception):
    """Nobody waits for the index any more."""


class Beside:
    """Indexes that are being read while others answer. Searches and changes go on."""

    def __init__(
        self,
        database: Database,
        read: Callable[[int, Layout, Stopped], View],
        placed: Callable[[View, int], bool],
    ) -> None:
        """`read` reads all of a collection, raising Closing; `placed` brings one person up to date."""
        self._database, self._read, self._placed = database, read, placed
        self._changed: list[tuple[int, set[int]]] = []  # collection, persons changed since

    def note(self, collection: int, person: int) -> None:
        """Of a change that was just committed, by the thread that holds the database."""
        for of, changed in self._changed:
            if of == collection:
                changed.add(person)

    def read(
        self,
        collection: int,
        layout: Layout,
        stopped: Stopped,
        place: Callable[[int, View], bool],
    ) -> bool:
        """Reads an index and hands it to `place` while nothing is committed; what that said.

        False also if it was stopped.
        """
        watched = (collection, set[int]())
        with self._database.exclusive:
            self._changed.append(watched)
        try:
            view = self._read(collection, layout, stopped)
            while len(watched[1]) > _FEW:
                self._catch_up(view, watched[1])
            with self._database.exclusive:
                self._catch_up(view, watched[1])
                return place(collection, view)
        except Closing:
            return False
        finally:
            with self._database.exclusive:
                self._changed = [each for each in self._changed if each is not watched]

    def _catch_up(self, view: View, changed: set[int]) -> None:
        for _ in range(len(changed)):
            person = changed.pop()
            if not self._placed(view, person):
                raise RuntimeError(f"the person with row {person} cannot be indexed")
