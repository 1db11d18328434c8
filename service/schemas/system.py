"""The models in service, and whether it is well."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field


class OperatingPoint(BaseModel):
    """A calibrated threshold and the evidence for it."""

    fmr: float
    threshold: float
    false_matches: int
    fmr_lower: float
    fmr_upper: float
    tmr: float | None
    tmr_lower: float | None = Field(description="95 % interval, people drawn anew.")
    tmr_upper: float | None
    threshold_lower: float | None = Field(
        description="95 % interval, people drawn anew; between the two a decision is inconclusive."
    )
    threshold_upper: float | None
    supported: bool = Field(description="At least 3 / fmr comparisons of strangers were made.")


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


class QualityScale(BaseModel):
    """How a norm becomes a quality score."""

    data: str
    direction: Literal[-1, 1] = Field(description="1 where a longer feature means a better image.")
    center: float = Field(description="The norm that scores 50.")
    width: float = Field(description="Norm units per unit of log-odds.")
    percentiles: dict[str, float] = Field(description="Norms of undegraded images.")
    spearman: dict[str, float] = Field(
        description="Of the score with the level of each kind of degradation."
    )


class ModelDetail(Model):
    """A loaded bundle with its model card."""

    created: date
    parameters: int
    loss_constants: dict[str, float]
    flip_fusion: bool = Field(
        description="Whether an embedding is the sum over a crop and its mirror."
    )
    files: dict[str, str] = Field(description="SHA-256 of each file, in hex.")
    score_data: str | None = Field(description="What the thresholds were measured on.")
    cllr: float | None = Field(description="Cost of the probabilities, in bits; 1 says nothing.")
    min_cllr: float | None = Field(description="What it would be at best with these similarities.")
    quality: QualityScale | None
    card: str | None = Field(description="MODEL_CARD.md, also at /models/{name}/card.")


class Calibration(BaseModel):
    """Thresholds that were measured on the people of a collection."""

    collection: str
    bundle: str
    created_at: datetime
    persons: int
    faces: int
    impostors: int = Field(description="Comparisons of strangers.")
    genuines: int
    cllr: float | None
    min_cllr: float | None
    thresholds: list[OperatingPoint]


class Models(BaseModel):
    items: list[Model]


class Health(BaseModel):
    status: Literal["ok", "unavailable"]
    waiting_for: list[str] = Field(
        description="What is missing: `networks`, `collections` that are being read, `draining`."
    )
