"""An index of one collection as it is searched: of one model's features, fused in one way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np

from service.gallery.index import Index
from service.gallery.protocol import Fusion, Vectors
from service.gallery.slots import Slot
from service.gallery.templates import Rows, Sample, templates, vectors_of

NOBODY: Final = -1


class Layout(NamedTuple):
    """What an index holds: of which bundle, from which slot, and how a person's faces are fused."""

    bundle: str
    dimension: int
    slot: Slot
    fusion: Fusion


class View:
    """Persons found by the cosine of their template, or with `max` of their most similar face.

    Changes come from one thread at a time; searches from any, and they wait for none.
    """

    def __init__(
        self, layout: Layout, index: Index | None = None, owners: Mapping[int, int] | None = None
    ) -> None:
        """`index` was read from a snapshot; with `max`, `owners` are the persons of its faces."""
        self.layout = layout
        self._index = Index(layout.dimension) if index is None else index
        self._owners: dict[int, int] = {}  # with `max` only: the index's rows are faces
        self._faces: dict[int, list[int]] = {}
        if owners and layout.fusion == "max":
            for face in self._index.rows.tolist():
                if (person := owners.get(face)) is not None:
                    self._own(person, face)

    def __len__(self) -> int:
        """How many persons can be found."""
        return len(self._faces) if self.layout.fusion == "max" else len(self._index)

    @property
    def rows(self) -> int:
        """How many vectors are held."""
        return len(self._index)

    def add(self, samples: Sequence[Sample]) -> None:
        """Adds persons who are not held, in blocks: the faster way. Raises ValueError."""
        if self.layout.fusion == "max":
            for person, face in ((sample[0], sample[3]) for sample in samples):
                self._own(person, face)
            rows = np.array([sample[3] for sample in samples], np.int64)
            self._index.add(rows, vectors_of(samples, self.layout.dimension))
            return
        for rows, vectors in self._fused(samples):
            self._index.add(rows, vectors)

    def put(self, person: int, samples: Sequence[Sample]) -> None:
        """Holds the person as these faces make them; without faces not at all. Raises ValueError."""
        if self.layout.fusion == "max":
            self._put_faces(person, samples)
        elif samples:
            for _, (template,) in self._fused(samples):
                self._index.put(person, template)
        else:
            self._index.remove(person)

    def search(self, probes: Vectors, limit: int) -> tuple[Rows, Vectors]:
        """The nearest persons and their cosines, each (n, k), best first; k <= limit.

        A row is filled up with NOBODY where persons went during the search. With `max` the
        faces looked at are as many as it takes to see `limit` persons.
        """
        if self.layout.fusion != "max":
            return self._index.search(probes, limit)
        width = 2 * limit
        while True:
            faces, cosines = self._index.search(probes, width)
            found = [self._persons(*each, limit) for each in zip(faces, cosines, strict=True)]
            if width >= len(self._index) or all(len(near) == limit for near in found):
                return _filled(found)
            width *= 4

    def save(self, path: Path, revision: int, key: bytes) -> bool:
        """As `Index.save`."""
        return self._index.save(path, revision, key)

    @classmethod
    def load(
        cls, path: Path, key: bytes, layout: Layout, owners: Mapping[int, int]
    ) -> tuple[Self, int]:
        """As `Index.load`."""
        index, revision = Index.load(path, key, layout.dimension)
        return cls(layout, index, owners), revision

    def _fused(self, samples: Sequence[Sample]) -> Sequence[tuple[Rows, Vectors]]:
        weighted = self.layout.fusion == "norm_weighted"
        return list(templates(samples, self.layout.dimension, weighted=weighted))

    def _put_faces(self, person: int, samples: Sequence[Sample]) -> None:
        vectors = vectors_of(samples, self.layout.dimension)
        kept = [sample[3] for sample in samples]
        for face in set(self._faces.get(person, ())) - set(kept):
            self._index.remove(face)
            self._owners.pop(face, None)
        self._faces.pop(person, None)
        for face, vector in zip(kept, vectors, strict=True):
            self._own(person, face)
            self._index.put(face, vector)

    def _own(self, person: int, face: int) -> None:
        self._owners[face] = person
        self._faces.setdefault(person, []).append(face)

    def _persons(self, faces: Rows, cosines: Vectors, limit: int) -> dict[int, float]:
        """The first `limit` persons of faces that come best first."""
        best: dict[int, float] = {}
        for face, cosine in zip(faces.tolist(), cosines.tolist(), strict=True):
            person = self._owners.get(face)
            if person is not None and len(best) < limit:
                best.setdefault(person, cosine)
        return best


def _filled(found: Sequence[Mapping[int, float]]) -> tuple[Rows, Vectors]:
    width = max((len(near) for near in found), default=0)
    rows = np.full((len(found), width), NOBODY, np.int64)
    cosines = np.full((len(found), width), -1, np.float32)
    for row, near in enumerate(found):
        rows[row, : len(near)] = list(near)
        cosines[row, : len(near)] = list(near.values())
    return rows, cosines
