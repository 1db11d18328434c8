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
from models.calibration import RateOutOfRange, ScoreCalibration
from service import gallery, schemas
from service.enrollment import Read, rejected
from service.errors import InvalidRequest, LowQuality, Uncalibrated, UnsupportedRate
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
    return any(f is not None and f.quality.below(least) for f in found)


def decided(similarity: float, threshold: float, *, doubtful: bool) -> schemas.Decision:
    """Two poor images can look alike, and a poor one unlike itself: both ways are in doubt."""
    if doubtful:
        return "inconclusive"
    return "match" if similarity >= threshold else "no_match"


class Probe(NamedTuple):
    """One side of a comparison; `face` is None where the embedding itself was given."""

    embedding: NDArray[np.float32]
    face: FaceFeatures | None


class Point(NamedTuple):
    """Where a comparison or a search decides, and the error rates that stands for.

    `fpir` and `persons` are of a search only; an uncalibrated bundle knows no rate at all.
    """

    threshold: float
    fmr: float | None = None
    supported: bool | None = None
    fpir: float | None = None
    persons: int = 0


def verification_point(service: Service, query: schemas.VerifyQuery) -> Point:
    """The operating point of a comparison, asked for by rate or by threshold.

    Raises InvalidRequest for both, UnsupportedRate for an FMR outside the calibration and
    Uncalibrated for any where there is none.
    """
    _one_of("fmr", query.fmr, query.threshold)
    if query.threshold is not None:
        return _point_at(service, query.threshold)
    scores, fmr = _scores(service), query.fmr or service.settings.fmr
    with _calibrated():
        return Point(round(scores.threshold(fmr), 6), fmr, scores.supported(fmr))


def search_point(service: Service, query: schemas.IdentifyQuery, persons: int) -> Point:
    """The operating point of a search among `persons`; raises as `verification_point` does."""
    _one_of("fpir", query.fpir, query.threshold)
    if query.threshold is not None:
        known = service.bundle.manifest.score
        fpir = None if known is None else known.fpir(query.threshold, persons)
        return _point_at(service, query.threshold)._replace(fpir=fpir, persons=persons)
    scores, fpir = _scores(service), query.fpir or service.settings.fpir
    with _calibrated():
        threshold, fmr = scores.threshold_for_search(fpir, persons)
    return Point(round(threshold, 6), fmr, scores.supported(fmr), fpir, persons)


def _one_of(rate: str, given: float | None, threshold: float | None) -> None:
    if given is not None and threshold is not None:
        raise InvalidRequest(f"Give either {rate} or threshold: each of them sets the other.")


def _point_at(service: Service, threshold: float) -> Point:
    if (scores := service.bundle.manifest.score) is None:
        return Point(threshold)
    fmr = scores.fmr(threshold)
    return Point(threshold, fmr, scores.supported(fmr))


def _scores(service: Service) -> ScoreCalibration:
    if (scores := service.bundle.manifest.score) is None:
        raise Uncalibrated(
            f"The bundle {service.bundle.manifest.id} is not calibrated, so nobody knows its error "
            "rates: pass a threshold (a cosine, -1 to 1) instead, or calibrate it on photographs "
            "('adaface calibrate', or 'adaface models import' with --images)."
        )
    return scores


@contextmanager
def _calibrated() -> Iterator[None]:
    """Says as a problem what the calibration refuses."""
    try:
        yield
    except RateOutOfRange as error:
        raise UnsupportedRate(str(error)) from error


def verification(
    service: Service, source: Probe, target: Probe, point: Point, form: Format
) -> schemas.Verification:
    """The answer for two faces, or the embeddings of some."""
    scores = service.bundle.manifest.score
    similarity = round(float(np.clip(source.embedding @ target.embedding, -1, 1)), 6)
    doubtful = poor([source.face, target.face], service.settings.min_quality)
    return schemas.Verification(
        similarity=similarity,
        decision=decided(similarity, point.threshold, doubtful=doubtful),
        threshold=point.threshold,
        fmr=point.fmr,
        fmr_supported=point.supported,
        probability=None if scores is None else round(scores.probability(similarity), 6),
        reasons=[LOW_QUALITY] if doubtful else [],
        source=None if source.face is None else face(source.face, form),
        target=None if target.face is None else face(target.face, form),
        bundle=service.bundle.manifest.id,
    )


def identification(
    service: Service,
    query: schemas.IdentifyQuery,
    point: Point,
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
        fpir_supported=point.supported,
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
    scores = manifest.score
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
        calibrated=scores is not None and manifest.quality is not None,
        impostors=scores.impostors if scores else 0,
        genuines=scores.genuines if scores else 0,
        thresholds=[
            schemas.OperatingPoint(**point.model_dump())
            for point in (scores.thresholds if scores else ())
        ],
        metrics=manifest.metrics,
    )
