"""The values that a gallery holds, takes and gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import (
    Any,
    Final,
    Generic,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypeVar,
)

import numpy as np
from numpy.typing import NDArray

from service.errors import ServiceError

Vectors = NDArray[np.float32]  # (n, d) rows of unit length
Metadata = dict[str, Any]  # a JSON object
# What a person is compared by: the sum of the faces' features, the sum of their directions, or the
# most similar face.
Fusion: TypeAlias = Literal["norm_weighted", "mean", "max"]
T = TypeVar("T")
Made_contra = TypeVar("Made_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class CollectionSettings:
    """How a collection differs from the service's settings, which hold where a value is None.

    `retention_days`: how long persons are kept after they were created, unless they expire earlier.
    """

    fpir: float | None = None
    threshold: float | None = None  # instead of `fpir`
    min_quality: float | None = None  # 0 to 100
    retention_days: int | None = None
    keep_crops: bool | None = None  # None is false
    template: Fusion | None = None  # None is norm_weighted


@dataclass(frozen=True, slots=True)
class Collection:
    """A gallery of its own. `bundle` is the id of the model its faces were enrolled with."""

    id: str
    name: str | None
    metadata: Metadata
    settings: CollectionSettings
    bundle: str
    created_at: datetime  # aware, UTC
    person_count: int
    face_count: int


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to create; without an id one is generated, and `created_at` is now unless given."""

    id: str | None = None
    name: str | None = None
    external_id: str | None = None
    metadata: Metadata = field(default_factory=dict)
    consent_reference: str | None = None
    expires_at: datetime | None = None  # aware
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str | None
    external_id: str | None
    metadata: Metadata
    consent_reference: str | None
    expires_at: datetime | None  # aware, UTC; not found from then on, deleted within a minute
    created_at: datetime
    face_count: int


@dataclass(frozen=True, slots=True)
class PersonFilter:
    """Who is meant: whose name contains `name`, in any case, and whose metadata contain `metadata`."""

    name: str | None = None
    external_id: str | None = None
    metadata: Metadata = field(default_factory=dict)

    def fits(self, person: Person) -> bool:
        return (
            (self.name is None or self.name.casefold() in (person.name or "").casefold())
            and (self.external_id is None or self.external_id == person.external_id)
            and contains(person.metadata, self.metadata)
        )


EVERYONE: Final = PersonFilter()


def contains(whole: Any, part: Any) -> bool:
    """Whether JSON contains JSON, as PostgreSQL's `@>` does: objects by member, arrays by element."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(name in whole and contains(whole[name], value) for name, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return all(any(contains(each, wanted) for each in whole) for wanted in part)
    return type(whole) is type(part) and bool(whole == part)


class Features(NamedTuple):
    """What a bundle makes of a face: (d,) unit float32, norm, and quality where it is calibrated."""

    bundle: str
    embedding: NDArray[np.float32]
    norm: float
    quality: float | None


@dataclass(frozen=True, slots=True)
class NewFace:
    """A sample to enroll: (d,) unit float32, its feature norm (> 0), quality and detection score."""

    embedding: NDArray[np.float32]
    norm: float
    quality: float | None  # 0 to 100, None where the bundle is not calibrated
    detection_score: float | None  # 0 to 1, None for a crop that came aligned
    id: str | None = None  # generated unless given
    created_at: datetime | None = None  # now unless given
    bundle: str | None = None  # that the embedding is of; None is the bundle in service
    others: tuple[Features, ...] = ()  # the same face by other bundles
    crop: bytes | None = None  # kept where the collection keeps crops: lossless WebP


@dataclass(frozen=True, slots=True)
class Face:
    id: str
    quality: float | None
    norm: float
    detection_score: float | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person with their faces, in order, as they move between galleries: with all ids and times."""

    person: NewPerson
    faces: Sequence[NewFace]


@dataclass(frozen=True, slots=True)
class Part:
    """Some persons of an exported collection, in the order they were created.

    `collection` is what they belong to, its bundle that of the faces. `damaged` are the ids of
    persons who cannot be read and are left out, `next` the cursor of the next part.
    """

    collection: Collection
    enrolled: Sequence[Enrolled]
    damaged: Sequence[str] = ()
    next: str | None = None


Clash = Literal["fail", "skip", "replace"]  # what to do about persons who are there and differ


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the persons of a part; `conflicts` are the ids of those skipped."""

    created: int = 0
    unchanged: int = 0
    replaced: int = 0
    conflicts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """The gallery as of one moment, in one file of `size` bytes; its parts can be read once."""

    name: str
    size: int
    parts: Iterator[bytes]


class Once(Protocol[Made_contra]):
    """How a change is answered, and what tells its request again if it is repeated.

    `request` are 32 bytes, the same for what asks for the same; without a `key` nothing is kept.
    """

    @property
    def key(self) -> str | None: ...
    @property
    def request(self) -> bytes: ...
    def tell(self, made: Made_contra) -> bytes:
        """The answer to what was made; called within the transaction, of which it may see several."""
        ...


class Replayed(ServiceError):
    """Nothing was changed: the request was answered before, with `answer`."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("The request was answered before.")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person found for a probe; `similarity` is the cosine to the person's template."""

    person: Person
    similarity: float


class Sizes(NamedTuple):
    """How much a gallery holds."""

    collections: int
    persons: int
    faces: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing and the cursor that asks for the next, None at the end."""

    items: list[T]
    next: str | None
