"""What every gallery promises: the values it holds and the calls it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # (n, d) rows of unit length
Metadata = dict[str, Any]  # a JSON object
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Collection:
    """A gallery of its own. `bundle` is the id of the model its faces were enrolled with."""

    id: str
    name: str | None
    metadata: Metadata
    bundle: str
    created_at: datetime  # aware, UTC
    person_count: int
    face_count: int


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to create; without an id one is generated."""

    id: str | None = None
    name: str | None = None
    external_id: str | None = None
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str | None
    external_id: str | None
    metadata: Metadata
    created_at: datetime
    face_count: int


@dataclass(frozen=True, slots=True)
class NewFace:
    """A sample to enroll: (d,) unit float32, its feature norm (> 0), quality and detection score."""

    embedding: NDArray[np.float32]
    norm: float
    quality: float | None  # 0 to 100, None where the bundle is not calibrated
    detection_score: float | None  # 0 to 1, None for a crop that came aligned


@dataclass(frozen=True, slots=True)
class Face:
    id: str
    quality: float | None
    norm: float
    detection_score: float | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person found for a probe; `similarity` is the cosine to the person's template."""

    person: Person
    similarity: float


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing and the cursor that asks for the next, None at the end."""

    items: list[T]
    next: str | None


class Gallery(Protocol):
    """Durable before it answers: what a call has returned survives a kill of the process.

    Calls raise CollectionNotFound, PersonNotFound and FaceNotFound for ids they do not know,
    CollectionExists and PersonExists for ids taken, BundleMismatch where a collection belongs
    to another model, InvalidRequest for a cursor that is not one of its own, StorageFull when
    the disk is full (nothing changed then), InvalidRequest for metadata that is not JSON, and
    InvalidEmbedding for vectors that are not finite, unit and of the bundle's length. They are
    blocking and thread-safe. Deleting the collection `default` empties it.
    """

    def create_collection(self, id: str, name: str | None, metadata: Metadata) -> Collection: ...
    def collection(self, id: str) -> Collection: ...
    def collections(self, after: str | None, limit: int) -> Page[Collection]: ...
    def delete_collection(self, id: str) -> None: ...

    def create_person(self, collection: str, person: NewPerson) -> Person: ...
    def person(self, collection: str, person: str) -> Person: ...
    def persons(self, collection: str, after: str | None, limit: int) -> Page[Person]: ...
    def delete_person(self, collection: str, person: str) -> None: ...

    def enroll(self, collection: str, person: str, faces: Sequence[NewFace]) -> list[Face]: ...
    def faces(self, collection: str, person: str, after: str | None, limit: int) -> Page[Face]: ...
    def delete_face(self, collection: str, person: str, face: str) -> None: ...

    def size(self, collection: str) -> int:
        """How many persons of the collection can be found: those with at least one face.

        Raises BundleMismatch as `search` does.
        """
        ...

    def search(self, collection: str, probes: Vectors, limit: int) -> list[list[Candidate]]:
        """For each probe the `limit` most similar persons, best first."""
        ...

    def close(self) -> None: ...
