"""What a photograph shows: `/detect` and `/embed`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from service.schemas.common import Base64, Request, Score

EmbeddingFormat = Literal["none", "float", "base64"]
Embedding = Annotated[
    list[float] | Base64,
    Field(description="The embedding as JSON numbers, or as base64 of little-endian float32."),
]


Lane = Literal["interactive", "bulk"]
LANE = "bulk gets what the interactive requests leave: for imports, which nobody waits for."


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
    lane: Lane = Field(default="interactive", description=LANE)


class DetectQuery(FaceQuery):
    embedding: EmbeddingFormat = Field(default="none", description="Form of the embeddings.")


class EmbedQuery(FaceQuery):
    embedding: EmbeddingFormat = Field(default="float", description="Form of the embeddings.")


class DetectBatchQuery(DetectQuery):
    lane: Lane = Field(default="bulk", description=LANE)


class EmbedBatchQuery(EmbedQuery):
    lane: Lane = Field(default="bulk", description=LANE)


class ImageBody(Request):
    """One image in JSON."""

    image: Base64 = Field(description="A JPEG, PNG or WebP file in base64.")


class BatchBody(Request):
    """Several images in JSON, which have nothing to do with each other."""

    images: list[Base64] = Field(min_length=1, max_length=50)


class BBox(BaseModel):
    """Pixels of the upright image; inside it."""

    x: float
    y: float
    width: float
    height: float


class Components(BaseModel):
    """What a person can see and act on; the null ones are unknown for an aligned crop.

    Names are those of ISO/IEC 29794-5 where it has one, signs of angles those of ISO/IEC 39794-5.
    """

    sharpness: float = Field(description="0 to 1; from the Laplacian of the face.")
    luminance_mean: float = Field(description="0 to 1; about 0.5 is well exposed.")
    luminance_variance: float = Field(description="0 to 0.25, of luminances from 0 to 1.")
    inter_eye_distance: float | None = Field(description="Pixels between the eyes in the image.")
    head_pose_yaw: float | None = Field(description="Degrees; positive: looks to their left.")
    head_pose_pitch: float | None = Field(
        description="Degrees; positive: looks down. The coarsest of the three."
    )
    head_pose_roll: float | None = Field(
        description="Degrees; positive: leans to their right shoulder."
    )
    outside_frame: float | None = Field(
        description="0 to 1: share of the face beyond the edge of the image."
    )


class Advice(BaseModel):
    """Something to do so that the next photograph is better."""

    component: str = Field(
        description="The component that is out of the ordinary, or `detection_score`."
    )
    text: str


class Quality(BaseModel):
    """How well the face can be recognized."""

    score: float | None = Field(
        ge=0,
        le=100,
        description="Calibrated from the norm; 50 is doubtful. Null where the bundle is not calibrated.",
    )
    norm: float = Field(description="Length of the recognizer's feature.")
    predicted_fnmr: float | None = Field(
        description="Share of genuine comparisons with such a face that are not matched, at the "
        "calibrated FMR nearest to FACE_FMR; null where that is not known."
    )
    components: Components
    advice: list[Advice] = Field(description="Empty for a face that nothing is wrong with.")


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


class Pictured(BaseModel):
    """What one image of several shows, largest face first."""

    width: int
    height: int
    faces: list[Face]
    truncated: bool = Field(description="More faces were found than max_faces.")


class Failing(BaseModel):
    """Why one image of several has no answer, as in a problem document."""

    type: str = Field(examples=["urn:problem:undecodable-image"])
    title: str
    status: int
    detail: str


class BatchItem(BaseModel):
    """The answer for one image; either `image` or `problem` is there."""

    index: int = Field(description="Position among the images sent.")
    status: int = Field(description="The HTTP status it would have had alone.")
    image: Pictured | None
    problem: Failing | None


class Batch(BaseModel):
    """The answer to /detect/batch and /embed/batch, in the order the images were sent."""

    items: list[BatchItem]
    bundle: str = Field(description="Embeddings of equal bundles can be compared.")
