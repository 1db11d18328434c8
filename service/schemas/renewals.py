"""The change of a collection to another model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.common import (
    NEXT,
    Body,
    Correlation,
    Count,
    PerSecond,
    Request,
    Seconds,
    Share,
)


class RenewalBody(Body):
    """The model to change to."""

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

    probes: Count = Field(description="Faces of the sample.")
    mated: Count = Field(description="Probes of persons with several faces.")
    persons: Count = Field(description="Persons of the sample.")
    same_best: Share | None = Field(description="Probes whose best person is the same by both.")
    decisions_changed: Share | None = Field(
        description="Probes whose decision at FACE_FPIR is another; null without calibrations."
    )
    rank1_before: Share | None = Field(description="Mated probes that find their person.")
    rank1_after: Share | None = Field(description="The same by the other model.")
    pearson: Correlation | None = Field(description="Correlation of the scores of all comparisons.")
    spearman: Correlation | None = Field(description="Correlation of their ranks.")


class Renewal(BaseModel):
    """How far it is. `ready` can be switched; `switched` rolled back or finished."""

    state: Literal["embedding", "ready", "switched", "clearing"] = Field(
        description="At which point the change is."
    )
    before: str = Field(description="The model changed from.")
    after: str = Field(description="The model changed to.")
    faces: Count = Field(description="Faces of the collection.")
    done: Count = Field(description="Faces with features of both models.")
    missing: Count = Field(description="Faces without a crop to embed; renewal/missing lists them.")
    failed: Count = Field(description="Kept crops that turned out to be none; missing now.")
    faces_per_second: PerSecond | None = Field(
        description="How fast it goes; null until some were embedded."
    )
    seconds_left: Seconds | None = Field(description="Until all are embedded, at that speed.")
    error: str | None = Field(description="Why it does not go on.")
    agreement: Agreement | None = Field(description="Null until it is ready.")


class MissingFace(BaseModel):
    """A face of which no crop is kept."""

    person: str = Field(description="The id of the person.")
    face: str = Field(description="The id of the face.")


class MissingFaces(BaseModel):
    """A page of faces of which no crop is kept."""

    items: list[MissingFace] = Field(description="In the order they were enrolled.")
    next: str | None = Field(description=NEXT)
