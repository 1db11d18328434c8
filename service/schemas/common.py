"""Words that several models share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.fields import FieldInfo

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,255}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Base64 = Annotated[
    str,
    Field(
        description="A file in base64 (RFC 4648, section 4).", json_schema_extra={"format": "byte"}
    ),
]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is outside the years 1 to 9999") from error


Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_in_utc)]


def _told(least: float | str, most: float | str) -> FieldInfo:
    """A range that the document tells and answers are not checked for; a sentence says why none is.

    Checking what was just computed would turn a rounding error into a failed request.
    """
    said: dict[str, Any] = {
        "x-no-minimum" if isinstance(least, str) else "minimum": least,
        "x-no-maximum" if isinstance(most, str) else "maximum": most,
    }
    field: FieldInfo = Field(json_schema_extra=said)
    return field


_MANY = "As many as there are."
Count = Annotated[int, _told(0, _MANY)]
Index = Annotated[int, _told(0, 49)]  # of an image among those of a request
Status = Annotated[int, _told(100, 599)]
Share = Annotated[float, _told(0, 1)]  # rates and probabilities, too
Similarity = Annotated[float, _told(-1, 1)]
Correlation = Annotated[float, _told(-1, 1)]
QualityScore = Annotated[float, _told(0, 100)]
Norm = Annotated[float, _told(0, "Each network has a scale of its own.")]
Pixels = Annotated[float, _told(0, "The operator sets how large an image may be.")]
Position = Annotated[
    float,
    _told("Landmarks may lie outside the image.", "Landmarks may lie outside the image."),
]
Side = Annotated[int, _told(1, "The operator sets how large an image may be.")]
Degrees = Annotated[float, _told(-180, 180)]
Bits = Annotated[float, _told(0, "A confident error may cost any number of bits.")]
Seconds = Annotated[float, _told(0, "It takes as long as it takes.")]
PerSecond = Annotated[float, _told(0, "As fast as the machine is.")]
Measured = Annotated[float, _told("It is whatever was measured.", "It is whatever was measured.")]

NEXT = "Pass as `after` for the next page; null on the last one."
BUNDLE = "The id of the model; only embeddings and scores of equal ids can be compared."
METADATA = "A JSON object of the client's own, encrypted at rest."
CREATED = "When it was created, in UTC."


class Request(BaseModel):
    """A request document; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Body(Request):
    """A request in JSON, which has types of its own: `"1"` is no number, `0` no boolean."""

    model_config = ConfigDict(strict=True)


def _whole(given: object) -> object:
    """JSON has one kind of number: `1.0` is an integer, too (JSON Schema 2020-12, core, 4.2.1)."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


Days = Annotated[int, Field(ge=1, le=36_500), BeforeValidator(_whole)]
Score = Annotated[float, Field(gt=0, lt=1)]
Cosine = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class PageQuery(Request):
    """One page of a listing."""

    after: str | None = Field(default=None, max_length=1024, description="`next` of the last page.")
    limit: int = Field(default=100, ge=1, le=1000, description="Most items of the page.")
