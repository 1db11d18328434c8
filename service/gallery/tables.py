"""The tables within one transaction: how rows are read, numbered, listed and erased."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from service.gallery.cursors import cursor, key_after
from service.gallery.encryption import following
from service.gallery.protocol import Page
from service.gallery.rows import CollectionRow, FaceRow, PersonRow
from service.gallery.sealing import WRAPPED, Damaged, Vault

T = TypeVar("T")
R = TypeVar("R", CollectionRow, PersonRow, FaceRow)
logger = logging.getLogger(__name__)

REVISION: Final = "(SELECT value + 1 FROM revision)"  # of the transaction that is being written
SCANNED: Final = 10_000  # rows a page looks at, at most 0.2 s: each has to be decrypted


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """What a page is asked of: `name` ties the cursors to it."""

    name: str
    select: str
    key: str
    row: Callable[..., R]
    after: str | None
    limit: int


@dataclass(slots=True)
class Effects:
    """What a transaction changed for those who keep a copy, all by key.

    `persons` have other faces than before; what is gone has to leave the files.
    """

    persons: set[tuple[int, int]] = field(default_factory=set)  # collection, person
    collections: set[int] = field(default_factory=set)  # gone
    erased: set[int] = field(default_factory=set)  # collections of which something is gone
    turned: set[int] = field(default_factory=set)  # collections that are searched in the other slot
    renewed: set[tuple[int, int]] = field(default_factory=set)  # persons, in the spare slot only
    forgotten: set[int] = field(default_factory=set)  # collections that belong to another bundle
    reshaped: set[int] = field(default_factory=set)  # collections that get other templates
    erasures: bool = False  # whether the ledger has new entries


@dataclass(frozen=True, slots=True)
class Tables:
    """`running` is the id of the bundle in service, `now` the time of the transaction, UTC."""

    connection: sqlite3.Connection
    running: str
    vault: Vault
    now: datetime
    effects: Effects = field(default_factory=Effects)

    @property
    def stamp(self) -> str:
        return stamp(self.now)

    def page(
        self,
        where: Listing[R],
        opened: Callable[[R], T],
        wanted: Callable[[T], bool] | None = None,
        **values: object,
    ) -> Page[T]:
        """The next `limit` sound rows, of those `wanted`.

        Where few are, a page ends after the `SCANNED` rows and may be short, or empty, with a
        cursor that goes on.
        """
        query = f"{where.select} AND {where.key} > :first ORDER BY {where.key} LIMIT :most"
        first = key_after(where.after, where.name, self.vault.signing)
        # One too many, to know whether there is a next page.
        most = where.limit if wanted is None else SCANNED
        rows = self.all(query, first=first, most=most + 1, **values)
        items: list[T] = []
        last = None
        for n, row in enumerate(where.row(*each) for each in rows):
            if n == most or len(items) == where.limit:
                return Page(items, cursor(where.name, last or 0, self.vault.signing))
            last = row.key
            items += [v for _, v in opened_rows([row], opened) if wanted is None or wanted(v)]
        return Page(items, None)

    def destroy_snapshot(self, collection: int) -> None:
        self.effects.erased.add(collection)
        which = "key = (SELECT secret FROM snapshots WHERE collection = :of)"
        self.destroy(which, of=collection)

    def destroy(self, which: str, **values: object) -> None:
        """Overwrites keys: what they sealed cannot be read any more, wherever copies of it lie."""
        query = "UPDATE secrets SET wrapped = zeroblob(:size) WHERE " + which  # noqa: S608 - ours
        self.run(query, size=WRAPPED, **values)

    def delete(self, query: str, **values: object) -> int:
        """How many rows were deleted, also where a flipped bit set a row apart from its index."""
        try:
            return self.run(query, **values).rowcount
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_CORRUPT_INDEX:
                raise
        self.run("REINDEX")
        return self.run(query, **values).rowcount

    def next(self, table: str) -> int:
        return following(self.connection, table)

    def run(self, query: str, **values: object) -> sqlite3.Cursor:
        return self.connection.execute(query, values)

    def one(self, query: str, **values: object) -> tuple[Any, ...] | None:
        return next(iter(self.all(query, **values)), None)

    def all(self, query: str, **values: object) -> list[Any]:
        return self.run(query, **values).fetchall()


def stamp(moment: datetime) -> str:
    """As it is stored: UTC, so that texts compare as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def opened_rows(rows: Iterable[R], opened: Callable[[R], T]) -> Iterator[tuple[int, T]]:
    """Keys and values of the rows that are as they were written."""
    for row in rows:
        try:
            yield row.key, opened(row)
        except Damaged:
            quarantined(row)


def quarantined(row: CollectionRow | PersonRow | FaceRow) -> None:
    logger.error(
        "the %s with row %d is damaged on the disk and left out; `adaface fsck` says more",
        type(row).__name__.removesuffix("Row").lower(),
        row.key,
    )
