"""What every gallery promises: the calls it answers, on the values in `values`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from service.gallery.values import (
    EVERYONE,
    Backup,
    Candidate,
    Clash,
    Collection,
    CollectionSettings,
    Enrolled,
    Face,
    Features,
    Fusion,
    Imported,
    Metadata,
    NewFace,
    NewPerson,
    Once,
    Page,
    Part,
    Person,
    PersonFilter,
    Replayed,
    Sizes,
    Vectors,
    contains,
)

if TYPE_CHECKING:  # it is made of the values here
    from service.gallery.renewals import Renewals
    from service.gallery.samples import Samples

__all__ = [
    "EVERYONE",
    "Backup",
    "Candidate",
    "Clash",
    "Collection",
    "CollectionSettings",
    "Enrolled",
    "Face",
    "Features",
    "Fusion",
    "Gallery",
    "Imported",
    "Metadata",
    "NewFace",
    "NewPerson",
    "Once",
    "Page",
    "Part",
    "Person",
    "PersonFilter",
    "Replayed",
    "Sizes",
    "Vectors",
    "contains",
]


class Gallery(Protocol):
    """Durable before it answers: what a call has returned survives a kill of the process.

    Calls raise CollectionNotFound, PersonNotFound and FaceNotFound for ids they do not know,
    CollectionExists and PersonExists for ids taken, BundleMismatch where a collection belongs
    to another model, InvalidRequest for a cursor that is not one of its own, StorageFull when
    the disk is full (nothing changed then), InvalidRequest for metadata that is not JSON and for
    settings that contradict each other, and InvalidEmbedding for vectors that are not finite, unit and of the bundle's length. They are
    blocking and thread-safe. Deleting the collection `default` empties it.

    Changes are given as the fields that change; `metadata` and `settings` are merged (RFC 7396).
    With `match`, tags as `changes.etag` makes them, a change raises PreconditionFailed if what is
    kept has none of them.

    A change that is given `once` is made once for each of its keys in 24 hours: after that it
    raises Replayed, IdempotencyKeyReused for another request, and IdempotencyKeySpent where those
    it was about were deleted. What was told is kept with the change, or not at all.
    """

    def create_collection(
        self,
        id: str,
        name: str | None,
        metadata: Metadata,
        settings: Metadata | None = None,
        once: Once[Collection] | None = None,
    ) -> Collection: ...
    def collection(self, id: str) -> Collection: ...
    def settings(self, collection: str) -> CollectionSettings:
        """The settings alone; the defaults, and a line in the log, where they are damaged."""
        ...

    def collections(self, after: str | None, limit: int) -> Page[Collection]: ...
    def change_collection(
        self, id: str, changes: Mapping[str, Any], match: frozenset[str] | None = None
    ) -> Collection: ...
    def delete_collection(self, id: str) -> None: ...

    def create_person(
        self, collection: str, person: NewPerson, once: Once[Person] | None = None
    ) -> Person: ...
    def person(self, collection: str, person: str) -> Person: ...
    def persons(
        self, collection: str, after: str | None, limit: int, where: PersonFilter = EVERYONE
    ) -> Page[Person]:
        """Of those that fit; a page may be short, or empty, and go on."""
        ...

    def change_person(
        self,
        collection: str,
        person: str,
        changes: Mapping[str, Any],
        match: frozenset[str] | None = None,
    ) -> Person: ...
    def merge_persons(
        self, collection: str, source: str, target: str, once: Once[Person] | None = None
    ) -> Person:
        """Gives the target the source's faces and deletes the source. Returns the target."""
        ...

    def delete_person(self, collection: str, person: str) -> None: ...

    def enroll(
        self,
        collection: str,
        person: str,
        faces: Sequence[NewFace],
        once: Once[tuple[Person, list[Face]]] | None = None,
    ) -> list[Face]: ...
    def faces(self, collection: str, person: str, after: str | None, limit: int) -> Page[Face]: ...
    def move_face(
        self,
        collection: str,
        person: str,
        face: str,
        target: str,
        once: Once[Person] | None = None,
    ) -> Person:
        """Gives the face to the person `target`, and returns them."""
        ...

    def delete_face(self, collection: str, person: str, face: str) -> None: ...

    def export_part(self, collection: str, after: str | None, limit: int) -> Part:
        """At most `limit` persons, fewer where they have many faces, each as of one moment."""
        ...

    def import_part(self, collection: str, part: Part, clash: Clash = "fail") -> Imported:
        """All persons of a part, with their ids and times, or none; who is there already stays.

        The collection is created where it is missing; one that is empty and has no words gets the
        part's. Raises ImportConflict where a person is there, differs, and `clash` is `fail`.
        A face whose id another collection has gets another id, always the same.
        """
        ...

    def recall(self, once: Once[Any]) -> None:
        """Raises as a change would that is given `once`; for whom the work before it is much."""
        ...

    def bundles(self, collection: str) -> tuple[str, ...]:
        """The models, by id, that new faces need features of: first the one that is searched with.

        Of the others only those that are loaded. Raises BundleMismatch.
        """
        ...

    def bundle(self, collection: str) -> str:
        """The id of the model that the collection is searched with now.

        Raises BundleMismatch if that is not loaded, and IndexBuilding.
        """
        ...

    def size(self, collection: str) -> int:
        """How many persons of the collection can be found: those with at least one face.

        Raises BundleMismatch as `search` does.
        """
        ...

    def search(  # noqa: PLR0913 - what is asked, each with a default
        self,
        collection: str,
        probes: Vectors,
        limit: int,
        where: PersonFilter = EVERYONE,
        least: float = -1.0,
        bundle: str | None = None,
    ) -> list[list[Candidate]]:
        """For each probe the `limit` most similar persons that fit, best first.

        Those less similar than `least` may be left out. `bundle` is the id of the model that the
        probes are of, None that in service; BundleMismatch if the collection is searched by another.
        """
        ...

    def backup(self) -> Backup:
        """All that was acknowledged before the call, and nothing half; others write meanwhile.

        Raises Overloaded while another is made.
        """
        ...

    def sweep(self) -> int:
        """Deletes the persons whose time is over; how many. Runs by itself every minute, too."""
        ...

    @property
    def samples(self) -> Samples:
        """The vectors of who is enrolled."""
        ...

    @property
    def renewals(self) -> Renewals:
        """The collections' changes to another model."""
        ...

    @property
    def building(self) -> int:
        """How many collections are being read and cannot be searched yet; never blocks."""
        ...

    def sizes(self) -> Sizes:
        """Of all collections; from counters, so that nothing is scanned."""
        ...

    @property
    def writable(self) -> bool:
        """False from the disk's first failure to a restart, see StorageFailed; never blocks."""
        ...

    def close(self) -> None: ...
