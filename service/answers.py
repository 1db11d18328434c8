"""From what the pipeline found to what the API says."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.calibration import RateOutOfRange
from service import gallery, schemas
from service.enrollment import Read, rejected
from service.errors import LowQuality, UnsupportedRate
from service.pipeline import FaceFeatures, Reading
from service.runtime import Service

Format = schemas.EmbeddingFormat
LOW_QUALITY = LowQuality.slug()


def face(found: FaceFeatures, form: Format) -> schemas.Face:
    """One face, its embedding in the asked-for form."""
    seen = found.detection
    return schemas.Face(
        bbox=None if seen is None else _bbox(seen.box),
        landmarks=None if seen is None else [_point(row) for row in seen.landmarks],
        detection_score=None if seen is None else round(seen.score, 4),
        quality=schemas.Quality(
            score=found.quality.score,
            norm=round(found.quality.norm, 4),
            components=schemas.Components(**found.quality.components._asdict()),
        ),
        embedding=written(found.embedding, form),
    )


def written(vector: NDArray[np.float32], form: Format) -> list[float] | str | None:
    """A (d,) embedding as JSON numbers, as base64 of little-endian float32, or not at all."""
    if form == "none":
        return None
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    numbers: list[float] = vector.tolist()
    return numbers


def faces(reading: Reading, form: Format, bundle: Bundle) -> schemas.Faces:
    return schemas.Faces(
        width=reading.width,
        height=reading.height,
        faces=[face(found, form) for found in reading.faces],
        truncated=reading.truncated,
        bundle=bundle.manifest.id,
    )


def _bbox(box: NDArray[np.float32]) -> schemas.BBox:
    left, top, right, bottom = (round(float(edge), 2) for edge in box)
    return schemas.BBox(x=left, y=top, width=round(right - left, 2), height=round(bottom - top, 2))


def _point(row: NDArray[np.float32]) -> tuple[float, float]:
    return round(float(row[0]), 2), round(float(row[1]), 2)


def poor(found: Sequence[FaceFeatures | None], least: float) -> bool:
    """Whether one of the faces is too poor to decide on; embeddings carry no quality."""
    return any(f is not None and f.quality.score < least for f in found)


def decided(similarity: float, threshold: float, *, doubtful: bool) -> schemas.Decision:
    """Two poor images can look alike, and a poor one unlike itself: both ways are in doubt."""
    if doubtful:
        return "inconclusive"
    return "match" if similarity >= threshold else "no_match"


class Probe(NamedTuple):
    """One side of a comparison; `face` is None where the embedding itself was given."""

    embedding: NDArray[np.float32]
    face: FaceFeatures | None


def verification(
    service: Service, source: Probe, target: Probe, query: schemas.VerifyQuery
) -> schemas.Verification:
    """Raises UnsupportedRate for an FMR outside the calibration."""
    scores, settings = service.bundle.manifest.score, service.settings
    fmr = query.fmr or settings.fmr
    with _calibrated():
        threshold = round(scores.threshold(fmr), 6)
    similarity = round(float(np.clip(source.embedding @ target.embedding, -1, 1)), 6)
    doubtful = poor([source.face, target.face], settings.min_quality)
    return schemas.Verification(
        similarity=similarity,
        decision=decided(similarity, threshold, doubtful=doubtful),
        threshold=threshold,
        fmr=fmr,
        fmr_supported=scores.supported(fmr),
        probability=round(scores.probability(similarity), 6),
        reasons=[LOW_QUALITY] if doubtful else [],
        source=None if source.face is None else face(source.face, query.embedding),
        target=None if target.face is None else face(target.face, query.embedding),
        bundle=service.bundle.manifest.id,
    )


@contextmanager
def _calibrated() -> Iterator[None]:
    """Says as a problem what the calibration refuses."""
    try:
        yield
    except RateOutOfRange as error:
        raise UnsupportedRate(str(error)) from error


class SearchPoint(NamedTuple):
    """Where a search of `persons` templates decides."""

    persons: int
    fpir: float
    threshold: float
    fmr: float


def search_point(service: Service, fpir: float | None, persons: int) -> SearchPoint:
    """The operating point of a search; UnsupportedRate where the calibration has none."""
    wanted = fpir or service.settings.fpir
    with _calibrated():
        threshold, fmr = service.bundle.manifest.score.threshold_for_search(wanted, persons)
    return SearchPoint(persons, wanted, round(threshold, 6), fmr)


def identification(
    service: Service,
    query: schemas.IdentifyQuery,
    point: SearchPoint,
    found: Sequence[tuple[FaceFeatures | None, Sequence[gallery.Candidate]]],
    *,
    truncated: bool,
) -> schemas.Identification:
    """The answer for all probes of a search."""
    least = service.settings.min_quality
    return schemas.Identification(
        collection=query.collection,
        person_count=point.persons,
        threshold=point.threshold,
        fpir=point.fpir,
        fmr=point.fmr,
        fpir_supported=service.bundle.manifest.score.supported(point.fmr),
        results=[
            identified(probe, near, point.threshold, least_quality=least, form=query.embedding)
            for probe, near in found
        ],
        truncated=truncated,
        bundle=service.bundle.manifest.id,
    )


def identified(
    probe: FaceFeatures | None,
    found: Sequence[gallery.Candidate],
    threshold: float,
    *,
    least_quality: float,
    form: Format,
) -> schemas.Identified:
    """The answer for one probe; candidates below the threshold are withheld."""
    doubtful = poor([probe], least_quality)
    near = [candidate for candidate in found if candidate.similarity >= threshold]
    best = near[0].similarity if near else -1.0
    return schemas.Identified(
        face=None if probe is None else face(probe, form),
        decision=decided(best, threshold, doubtful=doubtful),
        candidates=[
            schemas.Candidate(
                person=summary(candidate.person), similarity=round(candidate.similarity, 6)
            )
            for candidate in near
        ],
        reasons=[LOW_QUALITY] if doubtful else [],
    )


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
    return schemas.Enrollment(
        person=person(person_),
        faces=[enrolled(each) for each in faces_],
        rejected=[
            schemas.Rejected(index=n, reasons=[error.slug()], advice=str(error))
            for n, error in rejected(read)
        ],
    )


def model(bundle: Bundle, provider: str) -> schemas.Model:
    """What the manifest says that a caller may know; no file names, no golden vectors."""
    manifest = bundle.manifest
    return schemas.Model(
        id=manifest.id,
        name=manifest.name,
        version=manifest.version,
        architecture=manifest.architecture,
        loss=manifest.loss.name,
        embedding_size=manifest.embedding_size,
        alignment=manifest.alignment,
        license=manifest.license,
        training_data=manifest.training_data,
        provider=provider,
        impostors=manifest.score.impostors,
        genuines=manifest.score.genuines,
        thresholds=[
            schemas.OperatingPoint(**point.model_dump()) for point in manifest.score.thresholds
        ],
        metrics=manifest.metrics,
    )
