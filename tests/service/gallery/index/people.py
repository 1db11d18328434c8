"""Templates and the exact answer to compare with."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.gallery.index import Index
from tests.service.gallery.faces import DIMENSION

POOL: Final = np.random.default_rng(1).normal(size=(4000, DIMENSION)).astype(np.float32)
POOL /= np.linalg.norm(POOL, axis=1, keepdims=True)


def approximate(rows: range = range(0), candidates: int = 64) -> Index:
    """An index that compares sketches as soon as there are more rows than candidates."""
    index = Index(DIMENSION, exact_below=0, candidates=candidates, block=100)
    index.add(np.array(rows, np.int64), POOL[rows.start : rows.stop])
    return index


def first(index: Index, probe: NDArray[np.float32]) -> int:
    return int(index.search(probe[np.newaxis], 1)[0][0, 0])
