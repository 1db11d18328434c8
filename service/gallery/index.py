"""Exact search over one collection's templates; the only file that knows FAISS."""

from __future__ import annotations

from threading import Lock

import faiss
import numpy as np
from numpy.typing import NDArray

from service.gallery.protocol import Vectors
from service.gallery.templates import Rows


class FlatIndex:
    """Templates in memory by row, searched by inner product; safe to use from several threads."""

    def __init__(self, dimension: int) -> None:
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._lock = Lock()  # FAISS drops the GIL, and a search must not see a half-moved array

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, rows: Rows, templates: Vectors) -> None:
        """Adds (n,) rows that are not yet held, with their (n, d) unit templates."""
        with self._lock:
            self._index.add_with_ids(templates, rows)

    def put(self, row: int, template: NDArray[np.float32]) -> None:
        """Holds the (d,) unit template for `row`, instead of the one held before."""
        with self._lock:
            self._index.remove_ids(_only(row))
            self._index.add_with_ids(template[np.newaxis], np.array([row], np.int64))

    def remove(self, row: int) -> None:
        """Forgets `row`; one that is not held is fine."""
        with self._lock:
            self._index.remove_ids(_only(row))

    def search(self, probes: Vectors, limit: int) -> tuple[Rows, Vectors]:
        """The nearest rows and their cosines, each (n, min(limit, size)), best first.

        Equal cosines come in the order of their rows; cosines are clamped to [-1, 1].
        """
        with self._lock:
            found = min(limit, len(self))
            if found < 1 or len(probes) == 0:
                empty = np.empty((len(probes), 0), np.float32)
                return empty.astype(np.int64), empty
            cosines, rows = self._index.search(np.ascontiguousarray(probes, np.float32), found)
        order = np.lexsort((rows, -cosines))
        best = np.take_along_axis(cosines, order, axis=1)
        return np.take_along_axis(rows, order, axis=1), np.clip(best, -1.0, 1.0)


def _only(row: int) -> faiss.IDSelector:
    return faiss.IDSelectorRange(row, row + 1)
