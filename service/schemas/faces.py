"""What a photograph shows: `/detect` and `/embed`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from service.schemas.common import (
    BUNDLE,
    Base64,
    Body,
    Degrees,
    Index,
    Norm,
    Pixels,
    Position,
    QualityScore,
    Request,
    Score,
    Share,
    Side,
    Status,
)

EmbeddingFormat = Literal["none", "float", "base64"]
_FREE = "Any length is accepted and made 1, which answers have."
_Element = Annotated[float, Field(json_schema_extra={"x-no-minimum": _FREE, "x-no-maximum": _FREE})]
Embedding = Annotated[
    list[_Element] | Base64,
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


class ImageBody(Body):
    """One image in JSON."""

    image: Base64 = Field(description="A JPEG, PNG or WebP file in base64.")


class BatchBody(Body):
    """Several images in JSON, which have nothing to do with each other."""

    images: list[Base64] = Field(
        min_length=1, max_length=50, description="JPEG, PNG or WebP files in base64."
    )


class BBox(BaseModel):
    """Pixels of the upright image; inside it."""

    x: Pixels = Field(description="Pixels from the left edge of the image to that of the box.")
    y: Pixels = Field(description="Pixels from the upper edge of the image to that of the box.")
    width: Pixels = Field(description="Width of the box in pixels.")
    height: Pixels = Field(description="Height of the box in pixels.")


class Components(BaseModel):
    """What a person can see and act on; the null ones are unknown for an aligned crop.

    Names are those of ISO/IEC 29794-5 where it has one, signs of angles those of ISO/IEC 39794-5.
    """

    sharpness: Share = Field(description="0 to 1; from the Laplacian of the face.")
    luminance_mean: Share = Field(description="0 to 1; about 0.5 is well exposed.")
    luminance_variance: Share = Field(description="0 to 0.25, of luminances from 0 to 1.")
    inter_eye_distance: Pixels | None = Field(description="Pixels between the eyes in the image.")
    head_pose_yaw: Degrees | None = Field(description="Degrees; positive: looks to their left.")
    head_pose_pitch: Degrees | None = Field(
        description="Degrees; positive: looks down. The coarsest of the three."
    )
    head_pose_roll: Degrees | None = Field(
        description="Degrees; positive: leans to their right shoulder."
    )
    outside_frame: Share | None = Field(
        description="0 to 1: share of the face beyond the edge of the image."
    )


class Advice(BaseModel):
    """Something to do so that the next photograph is better."""

    component: str = Field(
        description="The component that is out of the ordinary, or `detection_score`."
    )
    text: str = Field(description="What to do, in a sentence for the person photographed.")


class Quality(BaseModel):
    """How well the face can be recognized."""

    score: QualityScore | None = Field(
        description="0 to 100, calibrated from the norm; 50 is doubtful. Null where the bundle is not calibrated.",
    )
    norm: Norm = Field(description="Length of the recognizer's feature.")
    predicted_fnmr: Share | None = Field(
        description="Share of genuine comparisons with such a face that are not matched, at the "
        "calibrated FMR nearest to FACE_FMR; null where that is not known."
    )
    components: Components = Field(description="What of the face is good or poor.")
    advice: list[Advice] = Field(description="Empty for a face that nothing is wrong with.")


class Face(BaseModel):
    """A face in an image; the null fields do not exist for an aligned crop."""

    bbox: BBox | None = Field(description="Where the face is.")
    landmarks: list[tuple[Position, Position]] | None = Field(
        description="Left eye, right eye, nose, left and right mouth corner, as seen; pixels."
    )
    detection_score: Share | None = Field(description="How sure it is that this is a face.")
    quality: Quality = Field(description="How well the face can be recognized.")
    embedding: Embedding | None = Field(description="Unit length; null unless asked for.")


class Faces(BaseModel):
    """The answer to /detect and /embed, largest face first."""

    width: Side = Field(description="Width of the upright image in pixels.")
    height: Side = Field(description="Height of the upright image in pixels.")
    faces: list[Face] = Field(description="The faces found, largest first; none is an empty list.")
    truncated: bool = Field(description="More faces were found than max_faces.")
    bundle: str = Field(description=BUNDLE)


class Pictured(BaseModel):
    """What one image of several shows, largest face first."""

    width: Side = Field(description="Width of the upright image in pixels.")
    height: Side = Field(description="Height of the upright image in pixels.")
    faces: list[Face] = Field(description="The faces found, largest first; none is an empty list.")
    truncated: bool = Field(description="More faces were found than max_faces.")


class Failing(BaseModel):
    """Why one image of several has no answer, as in a problem document."""

    type: str = Field(
        description="Names the cause, and never changes.",
        examples=["urn:problem:undecodable-image"],
    )
    title: str = Field(description="The cause in words.")
    status: Status = Field(description="The HTTP status it would have had alone.")
    detail: str = Field(description="What went wrong, and what to do.")


class BatchItem(BaseModel):
    """The answer for one image; either `image` or `problem` is there."""

    index: Index = Field(description="Position among the images sent.")
    status: Status = Field(description="The HTTP status it would have had alone.")
    image: Pictured | None = Field(description="What the image shows; null beside a problem.")
    problem: Failing | None = Field(description="Why there is no answer; null beside an image.")


class Batch(BaseModel):
    """The answer to /detect/batch and /embed/batch, in the order the images were sent."""

    items: list[BatchItem] = Field(description="One for each image.")
    bundle: str = Field(description=BUNDLE)
