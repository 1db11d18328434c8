"""Collections, persons and their faces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, Json, field_validator

from service.schemas.common import Base64, Cosine, Id, Moment, Name, PageQuery, Request, Score
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


class ImagesBody(Request):
    """One or several images of the same person."""

    image: Base64 | None = Field(default=None, description="One image file in base64.")
    images: list[Base64] = Field(default_factory=list, max_length=50)


class CollectionSettings(Request):
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
    retention_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
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


class CollectionBody(Request):
    id: Id
    name: Name | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    settings: CollectionSettings = Field(default_factory=CollectionSettings)


class CollectionPatch(Request):
    """What changes; `metadata` and `settings` are merged, and null takes a member away (RFC 7396)."""

    name: Name | None = None
    metadata: dict[str, Any] | None = None
    settings: CollectionSettings | None = None


EXPIRES = "From then on the person is not found, and a minute later deleted with every template."


class PersonBody(Request):
    id: Id | None = Field(default=None, description="Chosen by the client, or generated.")
    name: Name | None = None
    external_id: Name | None = Field(default=None, description="The person's id elsewhere.")
    metadata: dict[str, Any] = Field(default_factory=dict)
    consent_reference: Name | None = Field(
        default=None, description="Where the person's consent is on file."
    )
    expires_at: Moment | None = Field(default=None, description=EXPIRES)


class PersonPatch(Request):
    """What changes; `metadata` is merged, and null takes a member or a field away (RFC 7396)."""

    id: Id | None = Field(default=None, description="Another id of the person.")
    name: Name | None = None
    external_id: Name | None = None
    metadata: dict[str, Any] | None = None
    consent_reference: Name | None = None
    expires_at: Moment | None = Field(default=None, description=EXPIRES)

    @field_validator("id")
    @classmethod
    def _is_kept(cls, id: str | None) -> str:
        if id is None:
            raise ValueError("a person always has an id")
        return id


class MergeBody(Request):
    source: Id = Field(description="The person whose faces are taken, and who is then deleted.")


class MoveBody(Request):
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

    id: str
    name: str | None
    external_id: str | None
    metadata: dict[str, Any]


class Collection(BaseModel):
    id: str
    name: str | None
    metadata: dict[str, Any]
    settings: CollectionSettings
    bundle: str
    created_at: datetime
    person_count: int
    face_count: int


class Person(PersonSummary):
    consent_reference: str | None
    expires_at: datetime | None = Field(description=EXPIRES)
    created_at: datetime
    face_count: int


class EnrolledFace(BaseModel):
    """A face kept in the gallery; the image is not kept."""

    id: str
    quality: float | None = Field(description="Null where the bundle was not calibrated then.")
    norm: float
    detection_score: float | None
    created_at: datetime


class Rejected(BaseModel):
    """An image that was not enrolled, and what to do about it."""

    index: int = Field(description="Position among the images sent.")
    reasons: list[str] = Field(
        description="The problem's slug, such as no-face-found, and of a face that is too poor the "
        "components that are out of the ordinary."
    )
    advice: str


class Accepted(BaseModel):
    """A face that was enrolled, or in a dry run would be, and what would make it better."""

    index: int = Field(description="Position of its image among those sent.")
    id: str | None = Field(description="Null in a dry run.")
    quality: float | None = Field(description="Null where the bundle is not calibrated.")
    norm: float
    detection_score: float | None
    created_at: datetime | None = Field(description="Null in a dry run.")
    advice: list[Advice]


class Enrollment(BaseModel):
    person: Person
    faces: list[Accepted]
    rejected: list[Rejected]


class Collections(BaseModel):
    items: list[Collection]
    next: str | None = Field(description="Pass as `after` for the next page.")


class Persons(BaseModel):
    items: list[Person]
    next: str | None


class EnrolledFaces(BaseModel):
    items: list[EnrolledFace]
    next: str | None
