"""The ledger of what was erased, which names nobody: what a backup holds of it goes at its return."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from service.gallery.rows import CollectionRow, PersonRow
from service.gallery.tables import Tables

_SHOWN: Final = 1000  # rows between two signs of progress
_PLACES: Final = {  # what tells each row apart and never changes, and the row's key
    "collection": "SELECT key, key, created_at FROM collections",
    "person": "SELECT key, collection, key, created_at FROM persons",
    "face": "SELECT key, created_at, id FROM faces",
}


class Entry(NamedTuple):
    """That something was erased: an HMAC of its place, and when, so that no two are alike."""

    erased_at: str
    digest: bytes  # 16 bytes


@dataclass(frozen=True, slots=True)
class Erasures:
    """Entries are written in the transaction that erases."""

    tables: Tables

    def collection(self, row: CollectionRow) -> None:
        self._write(self._of("collection", row.key, row.created_at))

    def person(self, row: PersonRow) -> None:
        """The person, their faces, and whoever was merged into them."""
        faces = self.tables.all("SELECT created_at, id FROM faces WHERE person = :key", key=row.key)
        self._write(
            self._of("person", row.collection, row.key, row.created_at),
            *(self._of("face", *face) for face in faces),
            *self._ancestors(row),
        )

    def face(self, person: PersonRow, id: str) -> None:
        query = "SELECT created_at, id FROM faces WHERE person = :person AND id = :id"
        faces = self.tables.all(query, person=person.key, id=id)
        self._write(*(self._of("face", *face) for face in faces))

    def merge(self, source: PersonRow, target: PersonRow) -> None:
        """The source is not erased, but goes when the target does."""
        own = self._of("person", source.collection, source.key, source.created_at)
        self.tables.connection.executemany(
            "INSERT INTO ancestors (person, entry) VALUES (?, ?)",
            [(target.key, entry) for entry in (own, *self._ancestors(source))],
        )

    def all(self, after: int = 0) -> Iterator[tuple[int, Entry]]:
        """Keys and entries in the order they were written."""
        query = "SELECT key, erased_at, entry FROM erasures WHERE key > :after ORDER BY key"
        for key, erased_at, digest in self.tables.run(query, after=after):
            yield key, Entry(erased_at, digest)

    def last(self) -> tuple[int, Entry] | None:
        """Key and entry of the newest."""
        query = "SELECT key, erased_at, entry FROM erasures ORDER BY key DESC LIMIT 1"
        found = self.tables.one(query)
        return None if found is None else (found[0], Entry(*found[1:]))

    def add(self, entries: Collection[Entry]) -> None:
        """Takes over entries of another ledger of this gallery."""
        self.tables.connection.executemany(
            "INSERT INTO erasures (erased_at, entry) VALUES (?, ?)", sorted(entries)
        )

    def still_there(
        self, kind: str, digests: Collection[bytes], advance: Callable[[int], object] = int
    ) -> list[int]:
        """The keys of the collections, persons or faces that the digests are of."""
        found: list[int] = []
        for n, (key, *place) in enumerate(self.tables.run(_PLACES[kind]), 1):
            found += [key] if self._of(kind, *place) in digests else []
            if n % _SHOWN == 0:
                advance(_SHOWN)
        return found

    def _ancestors(self, row: PersonRow) -> list[bytes]:
        query = "SELECT entry FROM ancestors WHERE person = :key"
        return [entry for (entry,) in self.tables.all(query, key=row.key)]

    def _of(self, kind: str, *place: object) -> bytes:
        return self.tables.vault.erasure(kind, *place)

    def _write(self, *digests: bytes) -> None:
        self.tables.effects.erasures = True
        now = self.tables.stamp
        self.add([Entry(now, digest) for digest in digests])
