"""The models in service, and whether it is well."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.common import (
    BUNDLE,
    CREATED,
    Bits,
    Correlation,
    Count,
    Measured,
    Norm,
    Share,
    Similarity,
)

INTERVAL = "95 % interval, people drawn anew."


class OperatingPoint(BaseModel):
    """A calibrated threshold and the evidence for it."""

    fmr: Share = Field(description="The false match rate promised.")
    threshold: Similarity = Field(description="The similarity that keeps it.")
    false_matches: Count = Field(description="Comparisons of strangers at or above the threshold.")
    fmr_lower: Share = Field(description=INTERVAL)
    fmr_upper: Share = Field(description=INTERVAL)
    tmr: Share | None = Field(description="Share of genuine comparisons at or above the threshold.")
    tmr_lower: Share | None = Field(description=INTERVAL)
    tmr_upper: Share | None = Field(description=INTERVAL)
    threshold_lower: Similarity | None = Field(
        description="95 % interval, people drawn anew; between the two a decision is inconclusive."
    )
    threshold_upper: Similarity | None = Field(description="The upper end of that interval.")
    supported: bool = Field(description="At least 3 / fmr comparisons of strangers were made.")


class Model(BaseModel):
    """The running bundle."""

    id: str = Field(description=BUNDLE)
    name: str = Field(description="The name, which versions share.")
    version: str = Field(description="The version.")
    architecture: str = Field(description="The recognizer's network.")
    loss: str = Field(description="What the recognizer was trained with.")
    embedding_size: Count = Field(description="Numbers of an embedding.")
    alignment: str = Field(description="How faces are cut out for the recognizer.")
    license: str = Field(description="The license of the weights.")
    training_data: list[str] = Field(description="What the networks were trained on.")
    provider: str = Field(description="What the networks run on, as FACE_PROVIDER names it.")
    calibrated: bool = Field(description="Whether error rates and quality scores are known.")
    impostors: Count = Field(description="Comparisons of strangers the thresholds stand on.")
    genuines: Count = Field(description="Comparisons of faces of one person among them.")
    thresholds: list[OperatingPoint] = Field(description="From the largest false match rate.")
    metrics: dict[str, Measured] = Field(description="What was measured, by name.")


class QualityScale(BaseModel):
    """How a norm becomes a quality score."""

    data: str = Field(description="What the scale was measured on.")
    direction: Literal[-1, 1] = Field(description="1 where a longer feature means a better image.")
    center: Norm = Field(description="The norm that scores 50.")
    width: Norm = Field(description="Norm units per unit of log-odds.")
    percentiles: dict[str, Norm] = Field(description="Norms of undegraded images.")
    spearman: dict[str, Correlation] = Field(
        description="Of the score with the level of each kind of degradation."
    )


class ModelDetail(Model):
    """A loaded bundle with its model card."""

    created: date = Field(description="The day it was made.")
    parameters: Count = Field(description="Weights of the recognizer.")
    loss_constants: dict[str, Measured] = Field(description="The loss's constants, by name.")
    flip_fusion: bool = Field(
        description="Whether an embedding is the sum over a crop and its mirror."
    )
    files: dict[str, str] = Field(description="SHA-256 of each file, in hex.")
    score_data: str | None = Field(description="What the thresholds were measured on.")
    cllr: Bits | None = Field(description="Cost of the probabilities, in bits; 1 says nothing.")
    min_cllr: Bits | None = Field(description="What it would be at best with these similarities.")
    quality: QualityScale | None = Field(description="Null where the bundle is not calibrated.")
    card: str | None = Field(description="MODEL_CARD.md, also at /models/{name}/card.")


class Calibration(BaseModel):
    """Thresholds that were measured on the people of a collection."""

    collection: str = Field(description="The collection measured.")
    bundle: str = Field(description=BUNDLE)
    created_at: datetime = Field(description=CREATED)
    persons: Count = Field(description="Persons measured.")
    faces: Count = Field(description="Faces measured.")
    impostors: Count = Field(description="Comparisons of strangers.")
    genuines: Count = Field(description="Comparisons of faces of one person.")
    cllr: Bits | None = Field(description="Cost of the probabilities, in bits; 1 says nothing.")
    min_cllr: Bits | None = Field(description="What it would be at best with these similarities.")
    thresholds: list[OperatingPoint] = Field(description="From the largest false match rate.")


class Models(BaseModel):
    """The bundles that are loaded."""

    items: list[Model] = Field(description="The one in service first.")


class Health(BaseModel):
    """Whether the service is well."""

    status: Literal["ok", "unavailable"] = Field(description="`ok` with status 200 only.")
    waiting_for: list[str] = Field(
        description="What is missing: `networks`, `collections` that are being read, `draining`."
    )
