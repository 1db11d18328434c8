"""The public contract: every request and response as a model."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,255}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Base64 = Annotated[str, Field(description="base64", json_schema_extra={"format": "byte"})]
Decision = Literal["match", "no_match", "inconclusive"]
Embedding = Annotated[
    list[float] | Base64,
    Field(description="The embedding as JSON numbers, or as base64 of little-endian float32."),
]


class Request(BaseModel):
    """A request document; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


EmbeddingFormat = Literal["none", "float", "base64"]
Score = Annotated[float, Field(gt=0, lt=1)]
Cosine = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class FaceQuery(Request):
    """Which faces of an image are wanted."""

    max_faces: int | None = Field(
        default=None, ge=1, le=1000, description="Most faces to answer, largest first."
    )
    largest: bool = Field(default=False, description="Only the largest face.")
    aligned: bool = Field(
        default=False, description="The image is an aligned 112x112 crop; nothing is detected."
    )
    min_detection_score: Score | None = Field(
        default=None, description="Replaces the bundle's detection threshold."
    )


class DetectQuery(FaceQuery):
    embedding: EmbeddingFormat = Field(default="none", description="Form of the embeddings.")


class EmbedQuery(FaceQuery):
    embedding: EmbeddingFormat = Field(default="float", description="Form of the embeddings.")


class EnrollQuery(FaceQuery):
    """Each image must show one face, or `largest` must choose it."""


class VerifyQuery(DetectQuery):
    fmr: Score | None = Field(
        default=None, description="False match rate to decide at; the operator sets the default."
    )
    threshold: Cosine | None = Field(
        default=None, description="Similarity to decide at, in place of `fmr`."
    )


class IdentifyQuery(DetectQuery):
    collection: Id = Field(default="default", description="The collection searched.")
    fpir: Score | None = Field(
        default=None, description="Chance, per face, that a stranger is given a name."
    )
    threshold: Cosine | None = Field(
        default=None, description="Similarity to decide at, in place of `fpir`."
    )
    limit: int = Field(default=5, ge=1, le=100, description="Most candidates per face.")


class PageQuery(Request):
    """One page of a listing."""

    after: str | None = Field(default=None, max_length=1024, description="`next` of the last page.")
    limit: int = Field(default=100, ge=1, le=1000)


class ImageBody(Request):
    """One image in JSON."""

    image: Base64 = Field(description="A JPEG, PNG or WebP file in base64.")


class ImagesBody(Request):
    """One or several images of the same person."""

    image: Base64 | None = Field(default=None, description="One image file in base64.")
    images: list[Base64] = Field(default_factory=list, max_length=50)


class Subject(Request):
    """One side of a comparison: an image or an embedding."""

    image: Base64 | None = None
    embedding: Embedding | None = None


class VerifyBody(Request):
    source: Subject
    target: Subject


class IdentifyBody(Request):
    """An image whose faces are searched, or embeddings."""

    image: Base64 | None = None
    embeddings: list[Embedding] = Field(default_factory=list, max_length=100)


class CollectionBody(Request):
    id: Id
    name: Name | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class PersonBody(Request):
    id: Id | None = Field(default=None, description="Chosen by the client, or generated.")
    name: Name | None = None
    external_id: Name | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class BBox(BaseModel):
    """Pixels of the upright image; inside it."""

    x: float
    y: float
    width: float
    height: float


class Components(BaseModel):
    """What a person can see and act on; the null ones are unknown for an aligned crop."""

    sharpness: float = Field(description="0 to 1; from the Laplacian of the face.")
    brightness: float = Field(description="0 to 1; 0.5 is well exposed.")
    contrast: float = Field(description="0 to 1.")
    eye_distance: float | None = Field(description="Pixels between the eyes in the image.")
    roll: float | None = Field(description="Degrees the eyes are out of level.")
    yaw: float | None = Field(description="-2 to 2; 0 is frontal, beyond 1 is profile.")


class Quality(BaseModel):
    """How well the face can be recognized."""

    score: float | None = Field(
        ge=0,
        le=100,
        description="Calibrated from the norm; 50 is doubtful. Null where the bundle is not calibrated.",
    )
    norm: float = Field(description="Length of the recognizer's feature.")
    components: Components


class Face(BaseModel):
    """A face in an image; the null fields do not exist for an aligned crop."""

    bbox: BBox | None
    landmarks: list[tuple[float, float]] | None = Field(
        description="Left eye, right eye, nose, left and right mouth corner, as seen; pixels."
    )
    detection_score: float | None = Field(description="0 to 1.")
    quality: Quality
    embedding: Embedding | None = Field(description="Unit length; null unless asked for.")


class Faces(BaseModel):
    """The answer to /detect and /embed, largest face first."""

    width: int
    height: int
    faces: list[Face]
    truncated: bool = Field(description="More faces were found than max_faces.")
    bundle: str = Field(description="Embeddings of equal bundles can be compared.")


class Verification(BaseModel):
    """The answer to /verify. What only a calibration can tell is null where there is none."""

    similarity: float = Field(description="Cosine, -1 to 1.")
    decision: Decision
    threshold: float = Field(description="The similarity from which two faces match.")
    fmr: float | None = Field(description="The false match rate the threshold stands for.")
    fmr_supported: bool | None = Field(description="False where the rate is extrapolated.")
    probability: float | None = Field(description="Of being the same person, at even prior odds.")
    reasons: list[str] = Field(description="Why a decision is inconclusive.")
    source: Face | None = Field(description="Null where an embedding was given.")
    target: Face | None
    bundle: str


class PersonSummary(BaseModel):
    """Who a candidate is."""

    id: str
    name: str | None
    external_id: str | None
    metadata: dict[str, Any]


class Candidate(BaseModel):
    person: PersonSummary
    similarity: float


class Identified(BaseModel):
    """What was found for one face or embedding."""

    face: Face | None
    decision: Decision
    candidates: list[Candidate] = Field(
        description="Persons at or above the threshold, best first. Those below are not told: "
        "their scores would let a caller approximate templates, as a low `threshold` of its own does."
    )
    reasons: list[str]


class Identification(BaseModel):
    """The answer to /identify. What only a calibration can tell is null where there is none."""

    collection: str
    person_count: int = Field(description="Persons searched.")
    threshold: float = Field(description="The similarity from which a person is a candidate.")
    fpir: float | None = Field(
        description="Chance that a stranger is given a name, per face searched."
    )
    fmr: float | None = Field(description="The rate per comparison that belongs to it.")
    fpir_supported: bool | None = Field(description="False where the rate is extrapolated.")
    results: list[Identified]
    truncated: bool
    bundle: str


class Collection(BaseModel):
    id: str
    name: str | None
    metadata: dict[str, Any]
    bundle: str
    created_at: datetime
    person_count: int
    face_count: int


class Person(PersonSummary):
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
    reasons: list[str] = Field(description="Problem slugs, such as no-face-found.")
    advice: str


class Enrollment(BaseModel):
    person: Person
    faces: list[EnrolledFace]
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


class OperatingPoint(BaseModel):
    """A calibrated threshold and the evidence for it."""

    fmr: float
    threshold: float
    false_matches: int
    fmr_lower: float
    fmr_upper: float
    tmr: float | None
    supported: bool


class Model(BaseModel):
    """The running bundle."""

    id: str
    name: str
    version: str
    architecture: str
    loss: str
    embedding_size: int
    alignment: str
    license: str
    training_data: list[str]
    provider: str
    calibrated: bool = Field(description="Whether error rates and quality scores are known.")
    impostors: int = Field(description="Comparisons of strangers the thresholds stand on.")
    genuines: int
    thresholds: list[OperatingPoint]
    metrics: dict[str, float]


class Models(BaseModel):
    items: list[Model]


class Health(BaseModel):
    status: Literal["ok", "unavailable"]
