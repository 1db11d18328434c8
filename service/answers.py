"""From what the pipeline and the gallery found to what the API says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.calibration import ScoreCalibration
from service import gallery, schemas
from service.assignment import assigned
from service.decision import Point, compared, searched
from service.enrollment import Read, advised, reasons, rejected
from service.gallery_health import Findings
from service.model_cards import operating_points
from service.pipeline import FaceFeatures
from service.rendering import Document, Format, face
from service.runtime import Service
from service.site_calibration import SiteCalibration
from service.telemetry import decided


def poor(found: Sequence[FaceFeatures | None], least: float) -> bool:
    """Whether one of the faces is too poor to decide on; embeddings carry no quality."""
    return any(f is not None and f.quality.below(least) for f in found)


class Side(NamedTuple):
    """One side of a comparison; `face` is None where the embedding itself was given."""

    embedding: NDArray[np.float32]
    face: FaceFeatures | None


def verification(
    service: Service, source: Side, target: Side, point: Point, form: Format
) -> Document:
    """The answer for two faces, or the embeddings of some, as a `schemas.Verification`."""
    similarity = round(float(np.clip(source.embedding @ target.embedding, -1, 1)), 6)
    in_doubt = poor([source.face, target.face], service.settings.min_quality)
    decision = compared(similarity, point, poor=in_doubt)
    decided("verify", decision.outcome, similarity)
    return {
        "similarity": similarity,
        "decision": decision.outcome,
        "threshold": point.threshold,
        "fmr": point.fmr,
        "fmr_supported": point.supported,
        "probability": _probability(service.bundle.manifest.score, similarity),
        "reasons": decision.reasons,
        "source": None if source.face is None else face(source.face, form),
        "target": None if target.face is None else face(target.face, form),
        "bundle": service.bundle.manifest.id,
    }


class Found(NamedTuple):
    """What a probe found: `face` is what was searched for, or `fused` are, or neither is known."""

    candidates: Sequence[gallery.Candidate]
    face: FaceFeatures | None = None
    fused: Sequence[FaceFeatures] = ()

    def poor(self, least: float) -> bool:
        """Whether the probe is too poor; of several faces the best one counts."""
        known = [self.face] if self.face is not None else [*self.fused]
        return bool(known) and all(poor([each], least) for each in known)


class Search(NamedTuple):
    """What a search was: by which calibration it decides, and from which quality, 0 to 100."""

    query: schemas.IdentifyQuery
    point: Point
    scores: ScoreCalibration | None
    least_quality: float


def identification(
    service: Service, search: Search, found: Sequence[Found], *, truncated: bool
) -> Document:
    """The answer for all probes of a search, as a `schemas.Identification`."""
    point = search.point
    near = [[each for each in one.candidates if each.similarity >= point.least] for one in found]
    if search.query.assignment == "unique":
        near = _unique(near, point.least)
    return {
        "collection": search.query.collection,
        "person_count": point.persons,
        "threshold": point.threshold,
        "fpir": point.fpir,
        "fmr": point.fmr,
        "fpir_supported": point.supported,
        "results": [
            identified(search, one, candidates) for one, candidates in zip(found, near, strict=True)
        ],
        "truncated": truncated,
        "bundle": service.bundle.manifest.id,
    }


def identified(search: Search, found: Found, near: Sequence[gallery.Candidate]) -> Document:
    """The answer for one probe, a `schemas.Identified`, with the candidates that may be told."""
    decision = searched(
        [each.similarity for each in near],
        search.point,
        poor=found.poor(search.least_quality),
    )
    told = near[:1] if search.query.assignment == "unique" else near[: search.query.limit]
    candidates = [_candidate(search.scores, each) for each in told]
    first = candidates[0] if candidates else {"similarity": None, "probability": None}
    decided("identify", decision.outcome, first["similarity"])
    return {
        "face": None if found.face is None else face(found.face, search.query.embedding),
        "fused": [face(each, search.query.embedding) for each in found.fused],
        "decision": decision.outcome,
        "similarity": first["similarity"],
        "probability": first["probability"],
        "candidates": candidates,
        "reasons": decision.reasons,
    }


def _unique(
    near: Sequence[Sequence[gallery.Candidate]], least: float
) -> list[list[gallery.Candidate]]:
    """Each face's person first, if it has one, then those candidates who are nobody's."""
    given = assigned([{c.person.id: c.similarity for c in each} for each in near], least)
    taken = {person for person in given if person is not None}
    return [
        [
            *(each for each in candidates if each.person.id == own),
            *(each for each in candidates if own and each.person.id not in taken),
        ]
        for candidates, own in zip(near, given, strict=True)
    ]


def _candidate(scores: ScoreCalibration | None, found: gallery.Candidate) -> Document:
    return {
        "person": summary(found.person).model_dump(),
        "similarity": round(found.similarity, 6),
        "probability": _probability(scores, found.similarity),
    }


def _probability(scores: ScoreCalibration | None, similarity: float) -> float | None:
    return None if scores is None else round(scores.probability(similarity), 6)


def summary(person: gallery.Person) -> schemas.PersonSummary:
    return schemas.PersonSummary(
        id=person.id,
        name=person.name,
        external_id=person.external_id,
        metadata=person.metadata,
    )


def person(kept: gallery.Person) -> schemas.Person:
    return schemas.Person(**asdict(kept))


def collection(kept: gallery.Collection) -> schemas.Collection:
    return schemas.Collection(**asdict(kept))


def enrolled(kept: gallery.Face) -> schemas.EnrolledFace:
    return schemas.EnrolledFace(**asdict(kept))


def enrollment(
    person_: gallery.Person, faces_: Sequence[gallery.Face], read: Sequence[Read]
) -> schemas.Enrollment:
    """What became of each image; without `faces_` what would become of it."""
    good = [(n, each) for n, each in enumerate(read) if isinstance(each, FaceFeatures)]
    kept: Sequence[gallery.Face | None] = faces_ or [None] * len(good)
    return schemas.Enrollment(
        person=person(person_),
        faces=[_accepted(*each, into) for each, into in zip(good, kept, strict=True)],
        rejected=[
            schemas.Rejected(index=n, reasons=reasons(error), advice=str(error))
            for n, error in rejected(read)
        ],
    )


def _accepted(index: int, seen: FaceFeatures, kept: gallery.Face | None) -> schemas.Accepted:
    return schemas.Accepted(
        index=index,
        id=None if kept is None else kept.id,
        quality=seen.quality.score,
        norm=seen.quality.norm,
        detection_score=None if seen.detection is None else seen.detection.score,
        created_at=None if kept is None else kept.created_at,
        advice=[schemas.Advice(**each._asdict()) for each in advised(seen)],
    )


def gallery_health(
    service: Service, collection_: str, found: Findings, examined: int, after: str | None
) -> schemas.GalleryHealth:
    """What was found among `examined` persons; `after` goes on with those that follow."""
    scores = service.bundle.manifest.score
    return schemas.GalleryHealth(
        collection=collection_,
        bundle=service.bundle.manifest.id,
        person_count=found.point.persons,
        examined=examined,
        threshold=found.point.threshold,
        fit_threshold=round(found.fit, 6),
        outliers=[
            schemas.Outlier(
                person=summary(each.person),
                face=each.face,
                similarity=round(each.similarity, 6),
                closest=None
                if each.closest is None
                else schemas.Candidate(**_candidate(scores, each.closest)),
            )
            for each in found.outliers
        ],
        duplicates=[
            schemas.Suspects(
                persons=(summary(each.first), summary(each.second)),
                similarity=round(each.similarity, 6),
                probability=_probability(scores, each.similarity),
            )
            for each in sorted(found.duplicates, key=lambda each: -each.similarity)
        ],
        weak=[
            schemas.Weak(person=summary(each.person), reason=each.reason, quality=each.quality)
            for each in found.weak
        ],
        next=after,
    )


def calibration(made: SiteCalibration) -> schemas.Calibration:
    """The thresholds of a site's own gallery and the evidence for them."""
    scores = made.score
    return schemas.Calibration(
        collection=made.collection,
        bundle=made.bundle,
        created_at=made.created_at,
        persons=made.persons,
        faces=made.faces,
        impostors=scores.impostors,
        genuines=scores.genuines,
        cllr=scores.cllr,
        min_cllr=scores.min_cllr,
        thresholds=operating_points(scores),
    )
