"""Collections, persons and their faces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, Json, field_validator
from pydantic.json_schema import SkipJsonSchema

from service.schemas.common import (
    BUNDLE,
    CREATED,
    METADATA,
    NEXT,
    Base64,
    Body,
    Cosine,
    Count,
    Days,
    Id,
    Index,
    Moment,
    Name,
    Norm,
    PageQuery,
    QualityScore,
    Score,
    Share,
)
from service.schemas.faces import Advice, FaceQuery


class EnrollQuery(FaceQuery):
    """Each image must show one face, or `largest` must choose it."""

    dry_run: bool = Field(
        default=False,
        alias="validate",
        description="Whether everything is checked and answered as otherwise, with status 200, and "
        "nothing is kept.",
    )
    allow_duplicate: bool = Field(
        default=False,
        description="Enrolls faces that match another person of the collection.",
    )
    allow_conflict: bool = Field(
        default=False,
        description="Enrolls faces that are not like the person's own or one another.",
    )


class ImagesBody(Body):
    """One or several images of the same person."""

    image: Base64 | None = Field(default=None, description="One image file in base64.")
    images: list[Base64] = Field(
        default_factory=list, max_length=50, description="Image files in base64."
    )


class CollectionSettings(Body):
    """How a collection differs from the service's settings, which hold where a value is null."""

    fpir: Score | None = Field(
        default=None,
        description="Default false positive rate of searches; either this or threshold.",
    )
    threshold: Cosine | None = Field(
        default=None, description="Default similarity that searches decide at, in place of fpir."
    )
    min_quality: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Faces of a lower quality score are not enrolled, and make a search inconclusive.",
    )
    retention_days: Days | None = Field(
        default=None,
        description="Persons are deleted so many days after they were created, or when they expire.",
    )
    keep_crops: bool | None = Field(
        default=None,
        description="Whether the aligned crop of each new face is kept, encrypted, so that another "
        "model can be changed to.",
    )
    template: Literal["norm_weighted", "mean", "max"] | None = Field(
        default=None,
        description="What a person is compared by: the sum of the faces' features (null means this), "
        "the mean of their directions, or the most similar face.",
    )


class CollectionBody(Body):
    """A collection to be made."""

    id: Id = Field(description="Chosen by the client; part of the addresses of all that is in it.")
    name: Name | None = Field(default=None, description="For people to read.")
    metadata: dict[str, Any] = Field(default_factory=dict, description=METADATA)
    settings: CollectionSettings = Field(
        default_factory=CollectionSettings,
        description="How it differs from the service's settings.",
    )


class CollectionPatch(Body):
    """What changes; `metadata` and `settings` are merged, and null takes a member away (RFC 7396)."""

    name: Name | None = Field(default=None, description="Another name, or null for none.")
    metadata: dict[str, Any] | None = Field(default=None, description="Members that change.")
    settings: CollectionSettings | None = Field(default=None, description="Settings that change.")


NAME = "The person's name; several may have the same."
EXTERNAL = "The person's id elsewhere."
CONSENT = "Where the person's consent is on file."
EXPIRES = "From then on the person is not found, and a minute later deleted with every template."


class PersonBody(Body):
    """A person to be created."""

    id: Id | None = Field(default=None, description="Chosen by the client, or generated.")
    name: Name | None = Field(default=None, description=NAME)
    external_id: Name | None = Field(default=None, description=EXTERNAL)
    metadata: dict[str, Any] = Field(default_factory=dict, description=METADATA)
    consent_reference: Name | None = Field(default=None, description=CONSENT)
    expires_at: Moment | None = Field(default=None, description=EXPIRES)


def _without_default(schema: dict[str, Any]) -> None:
    """Null is no value of this field; it is where it was not given."""
    schema.pop("default")


class PersonPatch(Body):
    """What changes; `metadata` is merged, and null takes a member or a field away (RFC 7396)."""

    id: Id | SkipJsonSchema[None] = Field(
        default=None,
        description="Another id of the person.",
        json_schema_extra=_without_default,
    )
    name: Name | None = Field(default=None, description="Another name, or null for none.")
    external_id: Name | None = Field(default=None, description=EXTERNAL)
    metadata: dict[str, Any] | None = Field(default=None, description="Members that change.")
    consent_reference: Name | None = Field(default=None, description=CONSENT)
    expires_at: Moment | None = Field(default=None, description=EXPIRES)

    @field_validator("id")
    @classmethod
    def _is_kept(cls, id: str | None) -> str:
        if id is None:
            raise ValueError("a person always has an id")
        return id


class MergeBody(Body):
    """Whom to take the faces of."""

    source: Id = Field(description="The person whose faces are taken, and who is then deleted.")


class MoveBody(Body):
    """Whom to give the face to."""

    person: Id = Field(description="The person who gets the face.")


Containing = Annotated[
    Json[dict[str, Any]] | None,
    Field(description="A JSON object; only persons whose metadata contain it."),
]


class PersonsQuery(PageQuery):
    """Which persons. Names and metadata are encrypted, so each page looks at 10,000 persons at most.

    It may thus be short, or empty, and have a `next`.
    """

    name: Name | None = Field(default=None, description="A part of the name, in any case.")
    external_id: Name | None = Field(default=None, description="The whole external id; fast.")
    metadata: Containing = None


class PersonSummary(BaseModel):
    """Who a candidate is."""

    id: str = Field(description="The person's id, part of their address.")
    name: str | None = Field(description=NAME)
    external_id: str | None = Field(description=EXTERNAL)
    metadata: dict[str, Any] = Field(description=METADATA)


class Collection(BaseModel):
    """A gallery of its own."""

    id: str = Field(description="The collection's id, part of its address.")
    name: str | None = Field(description="For people to read.")
    metadata: dict[str, Any] = Field(description=METADATA)
    settings: CollectionSettings = Field(description="How it differs from the service's settings.")
    bundle: str = Field(description=BUNDLE)
    created_at: datetime = Field(description=CREATED)
    person_count: Count = Field(description="Persons in it, with and without faces.")
    face_count: Count = Field(description="Faces of all of them.")


class Person(PersonSummary):
    """A person of a collection."""

    consent_reference: str | None = Field(description=CONSENT)
    expires_at: datetime | None = Field(description=EXPIRES)
    created_at: datetime = Field(description=CREATED)
    face_count: Count = Field(description="Faces kept of the person.")


NORM = "Length of the recognizer's feature."
DETECTED = "How sure it was that this is a face; null for an aligned crop."


class EnrolledFace(BaseModel):
    """A face kept in the gallery; the image is not kept."""

    id: str = Field(description="The face's id, part of its address.")
    quality: QualityScore | None = Field(
        description="Quality score, 0 to 100; null where the bundle was not calibrated then."
    )
    norm: Norm = Field(description=NORM)
    detection_score: Share | None = Field(description=DETECTED)
    created_at: datetime = Field(description=CREATED)


class Rejected(BaseModel):
    """An image that was not enrolled, and what to do about it."""

    index: Index = Field(description="Position among the images sent.")
    reasons: list[str] = Field(
        description="The problem's slug, such as no-face-found, and of a face that is too poor the "
        "components that are out of the ordinary."
    )
    advice: str = Field(description="What went wrong, and what to do.")


class Accepted(BaseModel):
    """A face that was enrolled, or in a dry run would be, and what would make it better."""

    index: Index = Field(description="Position of its image among those sent.")
    id: str | None = Field(description="Null in a dry run.")
    quality: QualityScore | None = Field(
        description="Quality score, 0 to 100; null where the bundle is not calibrated."
    )
    norm: Norm = Field(description=NORM)
    detection_score: Share | None = Field(description=DETECTED)
    created_at: datetime | None = Field(description="Null in a dry run.")
    advice: list[Advice] = Field(description="Empty for a face that nothing is wrong with.")


class Enrollment(BaseModel):
    """What became of the images sent."""

    person: Person = Field(description="The person as they are now.")
    faces: list[Accepted] = Field(description="The faces enrolled, in the order of their images.")
    rejected: list[Rejected] = Field(description="The images without an enrolled face.")


class Collections(BaseModel):
    """A page of collections."""

    items: list[Collection] = Field(description="In the order they were created.")
    next: str | None = Field(description=NEXT)


class Persons(BaseModel):
    """A page of persons."""

    items: list[Person] = Field(description="In the order they were created.")
    next: str | None = Field(description=NEXT)


class EnrolledFaces(BaseModel):
    """A page of a person's faces."""

    items: list[EnrolledFace] = Field(description="In the order they were enrolled.")
    next: str | None = Field(description=NEXT)
