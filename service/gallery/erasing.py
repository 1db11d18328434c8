"""Erases once more, in a gallery that was put back, what had been erased after it was copied."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from service.gallery.erasures import Entry, Erasures
from service.gallery.records import Records
from service.gallery.rows import PERSON, PersonRow
from service.gallery.sqlite import Database
from service.gallery.tables import Tables

KINDS: Final = ("collection", "person", "face")  # what goes with one is not there for the next
_AT_ONCE: Final = 100  # removed in one transaction
Advance: TypeAlias = Callable[[int], object]  # is told how many more rows were looked at


def erase_again(
    database: Database, entries: Collection[Entry], now: datetime, advance: Advance = int
) -> Counter[str]:
    """Removes all that the entries are of, then takes them into the gallery's own ledger.

    In this order, so that a process that is killed in between starts anew. How many collections,
    persons and faces were still there, by kind.
    """
    removed = Counter[str]()
    if not entries:
        return removed

    def records(connection: sqlite3.Connection) -> Records:
        return Records(Tables(connection, "", database.vault, now))

    digests = {entry.digest for entry in entries}
    for kind in KINDS:
        with database.reading() as connection:
            found = Erasures(records(connection).tables).still_there(kind, digests, advance)
        for first in range(0, len(found), _AT_ONCE):
            with database.writing() as connection:
                _remove(records(connection), kind, found[first : first + _AT_ONCE])
        removed[kind] = len(found)
    with database.writing() as connection:
        Erasures(records(connection).tables).add(entries)
    database.erase()
    return removed


def _remove(records: Records, kind: str, keys: Sequence[int]) -> None:
    for key in keys:
        if kind == "collection":
            records.collections.remove(records.collections.by_key(key))
        elif kind == "person":
            records.persons.remove(_person(records, key))
        else:
            query = "SELECT person, id FROM faces WHERE key = :key"
            [(person, id_)] = records.tables.all(query, key=key)
            records.faces.remove(_person(records, person), id_)


def _person(records: Records, key: int) -> PersonRow:
    [row] = records.tables.all(f"{PERSON} WHERE p.key = :key", key=key)
    return PersonRow(*row)
