"""The change of a collection to another model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.common import Request


class RenewalBody(Request):
    bundle: str = Field(
        max_length=255,
        description="The id of the model to change to; `/models` lists those loaded.",
    )


class TurnQuery(Request):
    drop_missing: bool = Field(
        default=False, description="Delete the faces that the other model was not asked about."
    )


class Agreement(BaseModel):
    """What both models say of a sample: each face against the templates of everybody's others."""

    probes: int
    mated: int = Field(description="Probes of persons with several faces.")
    persons: int
    same_best: float | None = Field(description="Probes whose best person is the same by both.")
    decisions_changed: float | None = Field(
        description="Probes whose decision at FACE_FPIR is another; null without calibrations."
    )
    rank1_before: float | None = Field(description="Mated probes that find their person.")
    rank1_after: float | None
    pearson: float | None = Field(description="Correlation of the scores of all comparisons.")
    spearman: float | None = Field(description="Correlation of their ranks.")


class Renewal(BaseModel):
    """How far it is. `ready` can be switched; `switched` rolled back or finished."""

    state: Literal["embedding", "ready", "switched", "clearing"]
    before: str = Field(description="The model changed from.")
    after: str = Field(description="The model changed to.")
    faces: int
    done: int = Field(description="Faces with features of both models.")
    missing: int = Field(description="Faces without a crop to embed; renewal/missing lists them.")
    failed: int = Field(description="Kept crops that turned out to be none; missing now.")
    faces_per_second: float | None = Field(description="Null until some were embedded.")
    seconds_left: float | None
    error: str | None = Field(description="Why it does not go on.")
    agreement: Agreement | None = Field(description="Null until it is ready.")


class MissingFace(BaseModel):
    person: str
    face: str


class MissingFaces(BaseModel):
    items: list[MissingFace]
    next: str | None
