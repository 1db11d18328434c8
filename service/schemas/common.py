"""Words that several models share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,255}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Base64 = Annotated[str, Field(description="base64", json_schema_extra={"format": "byte"})]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is outside the years 1 to 9999") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Request(BaseModel):
    """A request document; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


Score = Annotated[float, Field(gt=0, lt=1)]
Cosine = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class PageQuery(Request):
    """One page of a listing."""

    after: str | None = Field(default=None, max_length=1024, description="`next` of the last page.")
    limit: int = Field(default=100, ge=1, le=1000)
