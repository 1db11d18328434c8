"""What is wrong with who is enrolled."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.decisions import Candidate
from service.schemas.gallery import PersonSummary


class Outlier(BaseModel):
    """A face that is not like the others of its person."""

    person: PersonSummary
    face: str
    similarity: float = Field(description="With the person's other faces fused.")
    closest: Candidate | None = Field(
        description="Somebody else whom a search by this face would name: it may be theirs."
    )


class Suspects(BaseModel):
    """Two persons who may be one."""

    persons: tuple[PersonSummary, PersonSummary]
    similarity: float
    probability: float | None = Field(description="Of being the same person, at even prior odds.")


class Weak(BaseModel):
    """A person who will hardly be found."""

    person: PersonSummary
    reason: Literal["no_faces", "low_quality"]
    quality: float | None = Field(description="That of the best face, 0 to 100.")


class GalleryHealth(BaseModel):
    """What was found among one page of persons, each compared with the whole collection."""

    collection: str
    bundle: str
    person_count: int = Field(description="Persons searched.")
    examined: int = Field(description="Persons of this page.")
    threshold: float = Field(description="The similarity from which two persons are suspected.")
    fit_threshold: float = Field(description="The similarity below which a face is an outlier.")
    outliers: list[Outlier]
    duplicates: list[Suspects] = Field(description="Each pair is told once, by its older person.")
    weak: list[Weak]
    next: str | None = Field(description="Pass as `after` for the next page.")
