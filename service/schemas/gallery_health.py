"""What is wrong with who is enrolled."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.common import BUNDLE, NEXT, Count, QualityScore, Share, Similarity
from service.schemas.decisions import Candidate
from service.schemas.gallery import PersonSummary


class Outlier(BaseModel):
    """A face that is not like the others of its person."""

    person: PersonSummary = Field(description="Whose face it is said to be.")
    face: str = Field(description="The id of the face.")
    similarity: Similarity = Field(description="With the person's other faces fused.")
    closest: Candidate | None = Field(
        description="Somebody else whom a search by this face would name: it may be theirs."
    )


class Suspects(BaseModel):
    """Two persons who may be one."""

    persons: tuple[PersonSummary, PersonSummary] = Field(
        description="The two, the older one first."
    )
    similarity: Similarity = Field(description="Cosine of their templates.")
    probability: Share | None = Field(description="Of being the same person, at even prior odds.")


class Weak(BaseModel):
    """A person who will hardly be found."""

    person: PersonSummary = Field(description="Who it is.")
    reason: Literal["no_faces", "low_quality"] = Field(description="Why.")
    quality: QualityScore | None = Field(description="That of the best face, 0 to 100.")


class GalleryHealth(BaseModel):
    """What was found among one page of persons, each compared with the whole collection."""

    collection: str = Field(description="The collection examined.")
    bundle: str = Field(description=BUNDLE)
    person_count: Count = Field(description="Persons searched.")
    examined: Count = Field(description="Persons of this page.")
    threshold: Similarity = Field(
        description="The similarity from which two persons are suspected."
    )
    fit_threshold: Similarity = Field(
        description="The similarity below which a face is an outlier."
    )
    outliers: list[Outlier] = Field(description="Faces unlike the others of their person.")
    duplicates: list[Suspects] = Field(description="Each pair is told once, by its older person.")
    weak: list[Weak] = Field(description="Persons who will hardly be found.")
    next: str | None = Field(description=NEXT)
