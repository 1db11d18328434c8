"""One vector per person: the faces' features added up, as the AdaFace paper does for videos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.gallery.protocol import Vectors

# Person's row, d little-endian float32, norm, face's row
Sample: TypeAlias = tuple[int, bytes, float, int]
Rows: TypeAlias = NDArray[np.int64]

FLOAT = np.dtype("<f4")
_PERSONS_AT_ONCE = 1024


def templates(
    samples: Iterable[Sample], dimension: int, *, weighted: bool = True
) -> Iterator[tuple[Rows, Vectors]]:
    """Persons' rows (n,) and their unit templates (n, d), in blocks; samples come person by person.

    A template is normalise(sum of norm * unit vector): a sharp face outweighs a blurred one. Not
    `weighted` it is normalise(sum of unit vectors).
    Raises ValueError for an embedding that has not `dimension` values.
    """
    persons = (list(faces) for _, faces in groupby(samples, itemgetter(0)))
    while block := list(islice(persons, _PERSONS_AT_ONCE)):
        rows = np.array([faces[0][0] for faces in block], np.int64)
        yield rows, _block(block, dimension, weighted=weighted)


def vectors_of(samples: Sequence[Sample], dimension: int) -> Vectors:
    """The (n, d) embeddings. Raises ValueError for one that has not `dimension` values."""
    if any(len(sample[1]) != dimension * FLOAT.itemsize for sample in samples):
        raise ValueError("an embedding in gallery.db has not the length of the bundle's")
    joined = b"".join(sample[1] for sample in samples)
    return np.frombuffer(joined, FLOAT).reshape(len(samples), dimension)


def _block(block: list[list[Sample]], dimension: int, *, weighted: bool) -> Vectors:
    flat = [face for faces in block for face in faces]
    starts = np.cumsum([0, *(len(faces) for faces in block)])[:-1]
    weights = [[sample[2] if weighted else 1.0] for sample in flat]
    features = vectors_of(flat, dimension) * np.array(weights, np.float64)
    sums = np.add.reduceat(features, starts, axis=0)
    # Faces that cancel out have no direction: zero is similar to nobody, NaN would break searches.
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    unit: Vectors = (sums / lengths).astype(np.float32)
    return unit
