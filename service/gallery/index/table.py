"""Rows with their templates and sketches, in memory without gaps; the caller holds the lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from service.gallery.index.scan import SKETCH_BYTES, Sketches, Slots, products
from service.gallery.protocol import Vectors
from service.gallery.templates import Rows

Number = TypeVar("Number", np.int64, np.uint8)


class Table:
    """Slot i holds `rows[i]`, its sketch and its template, for i < len.

    Templates lie in blocks that never move, so that growing copies none of them. A removed
    template is overwritten at once, by the last one, whose own place is zeroed.
    """

    def __init__(self, dimension: int, block: int) -> None:
        self.dimension = dimension
        self.rows: Rows = np.empty(0, np.int64)
        self.sketches: Sketches = np.empty((0, SKETCH_BYTES), np.uint8)
        self._slots: dict[int, int] = {}
        self._blocks: list[Vectors] = []
        self._block = block

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, rows: Rows, vectors: Vectors, sketches: Sketches) -> range:
        """Appends; the slots taken. Raises ValueError, changing nothing, if a row is held."""
        start, end = len(self), len(self) + len(rows)
        slots = dict(zip(rows.tolist(), range(start, end), strict=True))
        if len(slots) < len(rows) or not self._slots.keys().isdisjoint(slots):
            raise ValueError("a row is added that the index already holds")
        self._reserve(end)
        self.rows[start:end] = rows
        self.sketches[start:end] = sketches
        for block, within, part in self._runs(start, end):
            block[within] = vectors[part]
        self._slots.update(slots)
        return range(start, end)

    def put(self, row: int, vector: NDArray[np.float32], sketch: Sketches) -> range:
        """Replaces or appends; the slot taken."""
        slot = self._slots.get(row)
        if slot is None:
            return self.add(np.array([row], np.int64), vector[np.newaxis], sketch[np.newaxis])
        self._vector(slot)[:] = vector
        self.sketches[slot] = sketch
        return range(slot, slot + 1)

    def remove(self, row: int) -> int | None:
        """The slot that now holds another row or none; None if the row is not held."""
        slot = self._slots.pop(row, None)
        if slot is None:
            return None
        last = len(self)
        if slot != last:
            self._slots[int(self.rows[last])] = slot
            self.rows[slot] = self.rows[last]
            self.sketches[slot] = self.sketches[last]
            self._vector(slot)[:] = self._vector(last)
        self.sketches[last] = 0
        self._vector(last)[:] = 0
        del self._blocks[-(-last // self._block) :]
        return slot

    def part(self, start: int, end: int) -> tuple[Rows, Vectors, Sketches]:
        """Copies of what the slots from `start` to before `end` hold."""
        vectors = np.empty((end - start, self.dimension), np.float32)
        for block, within, part in self._runs(start, end):
            vectors[part] = block[within]
        return self.rows[start:end].copy(), vectors, self.sketches[start:end].copy()

    def cosines(self, probes: Vectors, slots: Slots) -> Vectors:
        """(n, k) float32 products with the templates at (n, k) slots, -inf for a slot of -1."""
        found = np.full(slots.shape, -np.inf, np.float32)
        of = slots // self._block  # -1 for -1
        for each in np.unique(of[of >= 0]).tolist():
            inside = of == each
            local = np.where(inside, slots - each * self._block, -1)
            np.copyto(found, products(probes, self._blocks[each], local), where=inside)
        return found

    def _vector(self, slot: int) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._blocks[slot // self._block][slot % self._block]
        return vector

    def _runs(self, start: int, end: int) -> Iterator[tuple[Vectors, slice, slice]]:
        """The blocks that the slots lie in, where in the block, and where from `start`."""
        for each in range(start // self._block, -(-end // self._block)):
            first = each * self._block
            low, high = max(start, first), min(end, first + self._block)
            yield (
                self._blocks[each],
                slice(low - first, high - first),
                slice(low - start, high - start),
            )

    def _reserve(self, count: int) -> None:
        """Room for `count` rows; the system gives memory only to the pages that are written."""
        while len(self._blocks) * self._block < count:
            self._blocks.append(np.empty((self._block, self.dimension), np.float32))
        if count > len(self.rows):
            room = max(count, len(self.rows) * 3 // 2, 1024)
            self.rows = _grown(self.rows, len(self), room)
            self.sketches = _grown(self.sketches, len(self), room)


def _grown(array: NDArray[Number], count: int, room: int) -> NDArray[Number]:
    """A copy, as a search may be reading the old one."""
    grown = np.empty((room, *array.shape[1:]), array.dtype)
    grown[:count] = array[:count]
    return grown
