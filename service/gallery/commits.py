"""Changes of concurrent callers, several to a transaction: they share its fsync, not their fates."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, TypeAlias, TypeVar, cast

from service.errors import ServiceError, StorageFailed
from service.gallery.records import Records
from service.gallery.sqlite import Database
from service.gallery.tables import Effects

T = TypeVar("T")
Reader: TypeAlias = Callable[[sqlite3.Connection], Records]


class _Refused(Exception):
    """Every change of a group was refused, so there is nothing to commit."""


@dataclass(slots=True)
class _Change:
    """What a caller wants done, and what came of it."""

    apply: Callable[[Records], Any]
    told: Event = field(default_factory=Event)  # that it is done, or has to lead
    done: bool = False
    value: Any = None
    error: BaseException | None = None
    effects: Effects = field(default_factory=Effects)

    def attempt(self, records: Records) -> None:
        """Applies it within the transaction, or none of it where it is refused."""
        self.error, self.effects = None, records.tables.effects
        records.tables.connection.execute("SAVEPOINT change")
        try:
            self.value = self.apply(records)
        except ServiceError as error:
            self.error, self.effects = error, Effects()
            records.tables.connection.execute("ROLLBACK TO change")
        records.tables.connection.execute("RELEASE change")


class Commits:
    """Applies changes one after the other; returns when a change is on the disk and settled.

    While one caller's transaction is written the next ones queue; the first of them then leads,
    and applies all that is queued in one. Nobody waits for company: alone, a change is a commit.
    """

    def __init__(
        self, database: Database, records: Reader, settle: Callable[[Sequence[Effects]], None]
    ) -> None:
        """`settle` is told the effects of what was just committed, before anybody is answered."""
        self._database, self._records, self._settle = database, records, settle
        self._queued: deque[_Change] = deque()
        self._led = False
        self._gate = Lock()  # guards the two

    def __call__(self, apply: Callable[[Records], T]) -> T:
        """What `apply` returned; raises what it raised, and StorageFull.

        It may be called more than once, each time on the tables as if it had not been before.
        """
        change = _Change(apply)
        with self._gate:
            self._queued.append(change)
            if not self._led:
                self._led = True
                change.told.set()
        change.told.wait()
        if not change.done:
            self._lead()
        if change.error is not None:
            raise change.error
        return cast("T", change.value)

    def _lead(self) -> None:
        """Applies what is queued, the own change first of all, and hands on."""
        with self._database.exclusive:
            with self._gate:
                group = list(self._queued)
                self._queued.clear()
            try:
                self._commit(group)
            finally:
                self._hand_on()

    def _hand_on(self) -> None:
        with self._gate:
            self._led = bool(self._queued)
            if self._led:
                self._queued[0].told.set()

    def _commit(self, group: Sequence[_Change]) -> None:
        try:
            if self._together(group):
                self._settle([change.effects for change in group])
        except BaseException as error:
            for change in group:
                change.error = change.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            for change in group:
                change.done = True
                change.told.set()

    def _together(self, group: Sequence[_Change]) -> bool:
        """Whether anything was committed. What fails for one of several is tried one by one."""
        try:
            with self._database.writing() as connection:
                for change in group:
                    change.attempt(self._records(connection))
                _check_any(group)
        except _Refused:
            return False
        except StorageFailed:  # what was written is not known: nobody may be told otherwise
            raise
        except Exception:
            if len(group) == 1:
                raise
            for change in group:
                self._commit([change])
            return False
        return True


def _check_any(group: Sequence[_Change]) -> None:
    """Raises _Refused where there is nothing to commit."""
    if all(change.error for change in group):
        raise _Refused
