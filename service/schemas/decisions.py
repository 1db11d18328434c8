"""Whether faces are the same person, and who they are: `/verify` and `/identify`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.common import (
    BUNDLE,
    Base64,
    Body,
    Cosine,
    Count,
    Id,
    Score,
    Share,
    Similarity,
)
from service.schemas.faces import DetectQuery, Embedding, Face
from service.schemas.gallery import Containing, PersonSummary

Decision = Literal["match", "no_match", "inconclusive"]
Reason = Literal["low_quality_probe", "near_threshold", "ambiguous_candidates"]
WHY = (
    "Why a decision is inconclusive: a face is too poor, the similarity is within the calibration's "
    "interval around the threshold, or two persons are hardly less alike than each other."
)
PROBABILITY = "Of being the same person, at even prior odds; null without a calibration."
DECISION = "What the similarity, the threshold and the quality of the faces come to."
TRUNCATED = "More faces were found than `max_faces`."


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


class Subject(Body):
    """One side of a comparison: an image or an embedding."""

    image: Base64 | None = Field(default=None, description="An image with one face, in base64.")
    embedding: Embedding | None = Field(
        default=None, description="An embedding of the model in service, as /embed answers it."
    )


class VerifyBody(Body):
    """The two that are compared."""

    source: Subject = Field(description="One of the two.")
    target: Subject = Field(description="The other one.")


class IdentifyBody(Body):
    """An image whose faces are searched, images that show one person together, or embeddings."""

    image: Base64 | None = Field(
        default=None, description="An image in base64; each of its faces is searched for."
    )
    images: list[Base64] = Field(
        default_factory=list,
        max_length=50,
        description="Photographs of one person, one face each, who is searched for once.",
    )
    embeddings: list[Embedding] = Field(
        default_factory=list,
        max_length=100,
        description="Embeddings, each of which is searched for.",
    )
    bundle: str | None = Field(
        default=None,
        max_length=255,
        description="The model that the embeddings are of, where it is not the one in service.",
    )


class Verification(BaseModel):
    """The answer to /verify. What only a calibration can tell is null where there is none."""

    similarity: Similarity = Field(description="Cosine of the two embeddings.")
    decision: Decision = Field(description=DECISION)
    threshold: Similarity = Field(description="The similarity from which two faces match.")
    fmr: Share | None = Field(description="The false match rate the threshold stands for.")
    fmr_supported: bool | None = Field(description="False where the rate is extrapolated.")
    probability: Share | None = Field(description=PROBABILITY)
    reasons: list[Reason] = Field(description=WHY)
    source: Face | None = Field(description="Null where an embedding was given.")
    target: Face | None = Field(description="Null where an embedding was given.")
    bundle: str = Field(description=BUNDLE)


class Candidate(BaseModel):
    """A person who may be the one searched for."""

    person: PersonSummary = Field(description="Who it may be.")
    similarity: Similarity = Field(description="Cosine with the person's template.")
    probability: Share | None = Field(description=PROBABILITY)


class Identified(BaseModel):
    """What was found for one face or embedding, or for several images of one person."""

    face: Face | None = Field(description="Null for an embedding, and for several images.")
    fused: list[Face] = Field(
        description="The faces of several images, whose features were added up."
    )
    decision: Decision = Field(description=DECISION)
    similarity: Similarity | None = Field(
        description="That of the first candidate; null without one."
    )
    probability: Share | None = Field(description="That of the first candidate.")
    candidates: list[Candidate] = Field(
        description="Persons at or above the threshold, best first, and those who may be by the "
        "calibration's interval. Others are not told: their scores would let a caller approximate "
        "templates, as a low `threshold` of its own does."
    )
    reasons: list[Reason] = Field(description=WHY)


class Identification(BaseModel):
    """The answer to /identify. What only a calibration can tell is null where there is none."""

    collection: str = Field(description="The collection searched.")
    person_count: Count = Field(description="Persons searched.")
    threshold: Similarity = Field(description="The similarity from which a person is a candidate.")
    fpir: Share | None = Field(
        description="Chance that a stranger is given a name, per face searched."
    )
    fmr: Share | None = Field(description="The rate per comparison that belongs to it.")
    fpir_supported: bool | None = Field(description="False where the rate is extrapolated.")
    results: list[Identified] = Field(
        description="One for each face, largest first, or each embedding in the order given."
    )
    truncated: bool = Field(description=TRUNCATED)
    bundle: str = Field(description=BUNDLE)
