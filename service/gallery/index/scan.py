"""The two loops that FAISS runs: sketches compared by Hamming distance, templates by inner product."""

from __future__ import annotations

from functools import cache
from typing import Final, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from service.gallery.protocol import Vectors

Slots: TypeAlias = NDArray[np.int64]  # places in the table; -1 is none
Sketches: TypeAlias = NDArray[np.uint8]  # (n, SKETCH_BYTES)

SKETCH_BYTES: Final = 64
_BITS: Final = 8 * SKETCH_BYTES
_THREADS: Final = faiss.omp_get_max_threads()
_WORTH_SHARING: Final = 1 << 24  # bytes to read: a millisecond


@cache
def projection(dimension: int) -> Vectors:
    """(dimension, 512) random directions, orthogonal in groups of `dimension`.

    The signs of x on them are its sketch: two vectors at angle t differ in each bit with
    probability t / pi, whatever the data (Charikar 2002, "Similarity Estimation Techniques from
    Rounding Algorithms"); orthogonal groups lower the variance (Ji et al. 2012, "Super-Bit LSH").
    """
    random = np.random.default_rng(512)
    groups = -(-_BITS // dimension)
    turned = [np.linalg.qr(random.normal(size=(dimension, dimension)))[0] for _ in range(groups)]
    directions: Vectors = np.hstack(turned)[:, :_BITS].astype(np.float32)
    return np.ascontiguousarray(directions)


def sketched(vectors: Vectors, directions: Vectors) -> Sketches:
    """The (n, 64) sketches of (n, d) vectors: a bit is 1 where the projection is positive."""
    return np.packbits(vectors @ directions > 0, axis=1)


def nearest(probes: Sketches, sketches: Sketches, limit: int) -> Slots:
    """(n, limit) places in `sketches` at the smallest Hamming distances; limit <= len(sketches)."""
    _share(len(probes), len(probes) * len(sketches) * SKETCH_BYTES)
    slots: Slots = faiss.knn_hamming(probes, sketches, limit)[1]
    return slots


def products(probes: Vectors, vectors: Vectors, slots: Slots) -> Vectors:
    """(n, k) float32 inner products of each probe with the vectors at its (n, k) slots.

    -inf for a slot of -1. Each pair is computed alone, so equal templates have equal products.
    """
    found = np.empty(slots.shape, np.float32)
    _share(len(probes), slots.size * vectors.itemsize * probes.shape[1])
    faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]  # not in FAISS' stub
        faiss.swig_ptr(found),
        faiss.swig_ptr(probes),
        faiss.swig_ptr(vectors),
        faiss.swig_ptr(np.ascontiguousarray(slots)),
        probes.shape[1],
        *slots.shape,
    )
    return found


def _share(probes: int, read: int) -> None:
    """Sets the threads of this thread's next FAISS call; FAISS gives each thread whole probes.

    On a busy machine a call waits for its slowest thread, so that a short one is better alone.
    """
    faiss.omp_set_num_threads(min(probes, _THREADS) if read >= _WORTH_SHARING else 1)
