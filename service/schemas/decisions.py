"""Whether faces are the same person, and who they are: `/verify` and `/identify`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.common import Base64, Cosine, Id, Request, Score
from service.schemas.faces import DetectQuery, Embedding, Face
from service.schemas.gallery import Containing, PersonSummary

Decision = Literal["match", "no_match", "inconclusive"]
Reason = Literal["low_quality_probe", "near_threshold", "ambiguous_candidates"]
WHY = (
    "Why a decision is inconclusive: a face is too poor, the similarity is within the calibration's "
    "interval around the threshold, or two persons are hardly less alike than each other."
)
PROBABILITY = "Of being the same person, at even prior odds."


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
    metadata: Containing = None
    assignment: Literal["independent", "unique"] = Field(
        default="independent",
        description="`unique` gives a person to at most one face of the photograph, and a face at most "
        "one candidate.",
    )
    calibration: Literal["shipped", "site"] = Field(
        default="shipped",
        description="Whether the rate is that of the bundle's calibration or of the collection's own.",
    )


class Subject(Request):
    """One side of a comparison: an image or an embedding."""

    image: Base64 | None = None
    embedding: Embedding | None = None


class VerifyBody(Request):
    source: Subject
    target: Subject


class IdentifyBody(Request):
    """An image whose faces are searched, images that show one person together, or embeddings."""

    image: Base64 | None = None
    images: list[Base64] = Field(
        default_factory=list,
        max_length=50,
        description="Photographs of one person, one face each, who is searched for once.",
    )
    embeddings: list[Embedding] = Field(default_factory=list, max_length=100)
    bundle: str | None = Field(
        default=None,
        max_length=255,
        description="The model that the embeddings are of, where it is not the one in service.",
    )


class Verification(BaseModel):
    """The answer to /verify. What only a calibration can tell is null where there is none."""

    similarity: float = Field(description="Cosine, -1 to 1.")
    decision: Decision
    threshold: float = Field(description="The similarity from which two faces match.")
    fmr: float | None = Field(description="The false match rate the threshold stands for.")
    fmr_supported: bool | None = Field(description="False where the rate is extrapolated.")
    probability: float | None = Field(description=PROBABILITY)
    reasons: list[Reason] = Field(description=WHY)
    source: Face | None = Field(description="Null where an embedding was given.")
    target: Face | None
    bundle: str


class Candidate(BaseModel):
    person: PersonSummary
    similarity: float
    probability: float | None = Field(description=PROBABILITY)


class Identified(BaseModel):
    """What was found for one face or embedding, or for several images of one person."""

    face: Face | None = Field(description="Null for an embedding, and for several images.")
    fused: list[Face] = Field(
        description="The faces of several images, whose features were added up."
    )
    decision: Decision
    similarity: float | None = Field(description="That of the first candidate; null without one.")
    probability: float | None = Field(description="That of the first candidate.")
    candidates: list[Candidate] = Field(
        description="Persons at or above the threshold, best first, and those who may be by the "
        "calibration's interval. Others are not told: their scores would let a caller approximate "
        "templates, as a low `threshold` of its own does."
    )
    reasons: list[Reason] = Field(description=WHY)


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
