"""Rows found by the cosine of their templates, while rows come and go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from service.gallery.index import snapshot
from service.gallery.index.merging import Merging
from service.gallery.index.scan import Sketches, Slots, nearest, projection, sketched
from service.gallery.index.table import Table
from service.gallery.protocol import Vectors
from service.gallery.templates import Rows

EXACT_BELOW: Final = 4096  # a millisecond at 512 values; from there on sketches are faster
CANDIDATES: Final = 512  # twice what found every best person at a million, 512 values and 128
BLOCK: Final = 65_536


class _Asked(NamedTuple):
    probes: Vectors
    limit: int


class Index:
    """One collection's unit templates by row; safe to use from several threads.

    Up to `exact_below` templates every one is compared with the probe. Above, their 64-byte
    sketches are, and the `candidates` nearest and four times the limit are compared in float32.
    Every cosine given is thus exact: a person that an exact search finds below a threshold is
    never above it here; a person may be missed (ADR 4 has how often). A search sees every
    change that was made before it began and waits for none.
    """

    def __init__(
        self,
        dimension: int,
        *,
        exact_below: int = EXACT_BELOW,
        candidates: int = CANDIDATES,
        block: int = BLOCK,
    ) -> None:
        self._dimension = dimension
        self._exact_below = exact_below
        self._candidates = candidates
        self._directions = projection(dimension)
        self._table = Table(dimension, block)
        self._lock = Lock()  # guards the table and what follows; held for a millisecond
        self._changed: set[int] | None = None  # slots changed while sketches are compared
        self._removals = 0
        self._merging = Merging[_Asked, tuple[Rows, Vectors]]()

    def __len__(self) -> int:
        return len(self._table)

    @property
    def rows(self) -> Rows:
        """The rows held, a copy."""
        with self._lock:
            return self._table.rows[: len(self._table)].copy()

    def add(self, rows: Rows, templates: Vectors) -> None:
        """Adds (n,) rows with their (n, d) unit templates.

        Raises ValueError, changing nothing, for a row that is already held.
        """
        sketches = sketched(templates, self._directions)
        with self._lock:
            self._note(self._table.add(rows, templates, sketches))

    def put(self, row: int, template: NDArray[np.float32]) -> None:
        """Holds the (d,) unit template for `row`, instead of the one held before."""
        [sketch] = sketched(template[np.newaxis], self._directions)
        with self._lock:
            self._note(self._table.put(row, template, sketch))

    def remove(self, row: int) -> None:
        """Forgets `row` and overwrites its template; one that is not held is fine."""
        with self._lock:
            if (slot := self._table.remove(row)) is not None:
                self._removals += 1
                self._note([slot])

    def search(self, probes: Vectors, limit: int) -> tuple[Rows, Vectors]:
        """The nearest rows and their cosines, each (n, min(limit, size)), best first.

        Equal cosines come in the order of their rows; cosines are clamped to [-1, 1].
        Raises ValueError if probes are not (n, d).
        """
        if probes.shape != (len(probes), self._dimension):
            raise ValueError(f"probes have {self._dimension} values, not a shape of {probes.shape}")
        asked = _Asked(np.ascontiguousarray(probes, np.float32), limit)
        return self._merging(asked, self._answer)

    def save(self, path: Path, revision: int, key: bytes) -> bool:
        """Writes the rows held now, encrypted with a `key` of 32 bytes used only this once.

        Searches and changes go on. What is added or put meanwhile may be in the file or not, so
        `revision` is one whose changes are all in the index already, and a reader puts again what
        changed after it. False, and no file, if a row was removed meanwhile: the file would hold
        what is gone. Raises OSError.
        """
        with self._lock:
            count, removals = len(self._table), self._removals
        header = snapshot.Header(self._dimension, revision, count)
        try:
            snapshot.write(path, header, key, self._parts(header, removals))
        except _Removed:
            return False
        return True

    @classmethod
    def load(cls, path: Path, key: bytes, dimension: int) -> tuple[Self, int]:
        """The index in the file and its revision. Raises SnapshotRefused if anything is wrong."""
        index = cls(dimension)
        with snapshot.reading(path, key, dimension) as (header, parts):
            index._directions = snapshot.directions(next(parts), dimension)
            for part in parts:
                index._table.add(*snapshot.unpacked(part, dimension))
        return index, header.revision

    def _parts(self, header: snapshot.Header, removals: int) -> Iterator[bytes]:
        yield self._directions.tobytes()
        for start, end in header.spans:
            with self._lock:
                if self._removals != removals:
                    raise _Removed
                part = self._table.part(start, end)
            yield snapshot.packed(*part)

    def _answer(self, asked: Sequence[_Asked]) -> list[tuple[Rows, Vectors]]:
        probes = np.concatenate([each.probes for each in asked])
        rows, cosines = self._nearest(probes, max(0, *(each.limit for each in asked)))
        ends = np.cumsum([len(each.probes) for each in asked]).tolist()
        return [
            (rows[end - len(each.probes) : end, : each.limit],
             cosines[end - len(each.probes) : end, : each.limit])
            for each, end in zip(asked, ends, strict=True)
        ]  # fmt: skip

    def _nearest(self, probes: Vectors, limit: int) -> tuple[Rows, Vectors]:
        sketches = sketched(probes, self._directions)
        while True:  # again only if so many rows were removed meanwhile that too few are left
            slots = self._compared(sketches, limit)
            with self._lock:
                slots = self._current(slots, len(probes))
                wanted = min(limit, len(self._table))
                if np.all(np.count_nonzero(slots >= 0, axis=1) >= wanted):
                    return self._ranked(probes, slots, wanted)

    def _compared(self, probes: Sketches, limit: int) -> Slots | None:
        """(n, k) slots worth a comparison in float32; None for all. The lock is free meanwhile."""
        with self._lock:
            held = self._table.sketches[: len(self._table)]
            several = self._candidates + 4 * limit
            if len(held) <= max(self._exact_below, several) or len(probes) == 0:
                return None
            self._changed = set()
        return nearest(probes, held, several)

    def _current(self, slots: Slots | None, probes: int) -> Slots:
        """Adds what changed during the comparison, and marks with -1 what is no more."""
        size = len(self._table)
        if slots is None:
            return np.broadcast_to(np.arange(size), (probes, size))
        changed, self._changed = np.array(sorted(self._changed or ()), np.int64), None
        slots = np.where(np.isin(slots, changed), -1, slots)
        slots = np.hstack([slots, np.broadcast_to(changed, (probes, len(changed)))])
        return np.where(slots < size, slots, -1)

    def _ranked(self, probes: Vectors, slots: Slots, limit: int) -> tuple[Rows, Vectors]:
        cosines = self._table.cosines(probes, slots)
        rows = self._table.rows[slots]
        order = np.lexsort((rows, -cosines))[:, :limit]
        best = np.take_along_axis(cosines, order, axis=1)
        return np.take_along_axis(rows, order, axis=1), np.clip(best, -1.0, 1.0)

    def _note(self, slots: Iterable[int]) -> None:
        if self._changed is not None:
            self._changed.update(slots)


class _Removed(Exception):
    """A row was removed while the index was being saved."""
