"""What is told of a change of the model, and what its steps hand over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.gallery.protocol import Vectors
from service.gallery.templates import FLOAT

Pair: TypeAlias = tuple[int, bytes, float, bytes, float]  # person; embedding and norm by each model


class MissingFace(NamedTuple):
    """A face that the new model cannot be asked about: no crop of it is kept."""

    person: str
    face: str


@dataclass(frozen=True, slots=True)
class Renewal:
    """How far a change of the model is. `waiting` faces have a crop, `missing` ones do not."""

    state: Literal["embedding", "ready", "switched", "clearing"]
    before: str  # bundle ids
    after: str
    faces: int
    done: int
    waiting: int

    @property
    def missing(self) -> int:
        return self.faces - self.done - self.waiting


class Counted(NamedTuple):
    """Faces, those with features of the other model, and those that wait with a crop."""

    faces: int
    done: int
    waiting: int

    def plus(self, other: Counted) -> Counted:
        return Counted(*(a + b for a, b in zip(self, other, strict=True)))


class Waiting(NamedTuple):
    """A face to be embedded: its key, and the crop as it was encoded."""

    face: int
    crop: bytes


class Paired(NamedTuple):
    """What two models make of the same n faces."""

    persons: NDArray[np.int64]  # (n,)
    active: Vectors  # (n, d) of the one that is searched
    active_norms: NDArray[np.float64]  # (n,)
    spare: Vectors  # (n, e)
    spare_norms: NDArray[np.float64]

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Self:
        persons, active, active_norms, spare, spare_norms = (
            zip(*pairs, strict=True) if pairs else [()] * 5
        )
        return cls(
            np.array(persons, np.int64),
            _stacked(active),
            np.array(active_norms, np.float64),
            _stacked(spare),
            np.array(spare_norms, np.float64),
        )


def _stacked(embeddings: Sequence[bytes]) -> Vectors:
    joined = np.frombuffer(b"".join(embeddings), FLOAT)
    return joined.reshape(len(embeddings), -1) if embeddings else joined.reshape(0, 0)
