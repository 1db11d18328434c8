"""`/identify`: who of a collection the faces are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Final, NamedTuple

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from models.calibration import ScoreCalibration
from service import answers, points, schemas
from service.answers import Found, Search
from service.decision import Point
from service.enrollment import least_quality
from service.errors import (
    BundleMismatch,
    CalibrationNotFound,
    CollectionNotFound,
    FaceError,
    ImageError,
    IndexBuilding,
    InvalidEmbedding,
    NoFaceFound,
    ServiceError,
    SeveralFacesFound,
    Uncalibrated,
    UnsupportedRate,
)
from service.fusion import fused
from service.gallery import Candidate, PersonFilter
from service.pipeline import FaceFeatures, Reading
from service.problems import problems
from service.routes import bodies
from service.routes.answering import answer, read, selection, urgency
from service.routes.serving import COMMON, IMAGE, Served
from service.runtime import Service
from service.site_calibration import SiteCalibrations
from service.telemetry import stage

router = APIRouter(tags=["faces"])
SWITCHES: Final = 3  # of the collection's model, while one photograph is read


@router.post(
    "/identify",
    response_model=schemas.Identification,
    openapi_extra=bodies.documented(schemas.IdentifyBody, "image", "images"),
    responses=problems(
        *COMMON,
        *IMAGE,
        NoFaceFound,
        SeveralFacesFound,
        InvalidEmbedding,
        UnsupportedRate,
        CollectionNotFound,
        CalibrationNotFound,
        BundleMismatch,
        IndexBuilding,
        Uncalibrated,
    ),
)
async def identify_faces(
    request: Request,
    query: Annotated[schemas.IdentifyQuery, Query()],
    service: Served,
) -> Response:
    """Who of a collection the faces are, at a chosen false positive rate per search, or threshold.

    Several `images` are of one person, with one face each, and are searched for as one.
    """
    given = await bodies.probes(request, service.sizes)
    if given.vectors is not None:
        by = service.by(given.bundle or service.bundle.manifest.id)
        return await _identified(request, by, query, given)
    for _ in range(SWITCHES):
        by = service.by(await asyncio.to_thread(service.gallery.bundle, query.collection))
        with suppress(BundleMismatch):  # it was switched meanwhile
            return await _identified(request, by, query, given)
    return await _identified(request, by, query, given)


async def _identified(
    request: Request, service: Service, query: schemas.IdentifyQuery, given: bodies.Probes
) -> Response:
    """The answer by the service's model. Raises BundleMismatch if the collection is of another."""
    search = await asyncio.to_thread(_search, service, query)
    probes = await _probes(request, service, given, query)
    near = await asyncio.to_thread(_candidates, service, query, search.point, probes.vectors)
    found = [
        Found(candidates, face, probes.fused)
        for candidates, face in zip(near, probes.faces, strict=True)
    ]
    document = answers.identification(service, search, found, truncated=probes.truncated)
    return answer(document, *probes.readings)


def _search(service: Service, query: schemas.IdentifyQuery) -> Search:
    """Where the search decides, by the collection as it is now. Raises CalibrationNotFound."""
    persons = service.gallery.size(query.collection)
    settings = service.gallery.settings(query.collection)
    site: ScoreCalibration | None = None
    if query.calibration == "site":
        kept = SiteCalibrations(service.settings.data_dir)
        site = kept.current(service.gallery.collection(query.collection)).score
    point = points.search_point(service, query, settings, persons, site)
    scores = site or service.bundle.manifest.score
    return Search(query, point, scores, least_quality(service, settings))


def _candidates(
    service: Service, query: schemas.IdentifyQuery, point: Point, vectors: NDArray[np.float32]
) -> list[list[Candidate]]:
    """Two at least, to see whether the first is the only one, and with unique ones as many as it takes."""
    most = len(vectors) + 1 if query.assignment == "unique" else 2
    with stage("search"):
        return service.gallery.search(
            query.collection,
            vectors,
            max(query.limit, most),
            PersonFilter(metadata=query.metadata or {}),
            point.least,
            service.bundle.manifest.id,
        )


class _Probes(NamedTuple):
    """What is searched for: (n, d) unit vectors, and the faces they are of, where images came."""

    vectors: NDArray[np.float32]
    faces: list[FaceFeatures | None]
    fused: Sequence[FaceFeatures] = ()
    truncated: bool = False
    readings: Sequence[Reading] = ()


async def _probes(
    request: Request, service: Service, given: bodies.Probes, query: schemas.FaceQuery
) -> _Probes:
    if given.vectors is not None:
        return _Probes(given.vectors, [None] * len(given.vectors))
    if given.image is None:
        return await _one_person(request, service, given.images, query)
    reading = await read(request, service, given.image, query)
    if not reading.faces:
        raise NoFaceFound("No face was found; send a photograph with a visible face.")
    vectors = np.stack([face.embedding for face in reading.faces])
    return _Probes(vectors, [*reading.faces], (), reading.truncated, (reading,))


async def _one_person(
    request: Request, service: Service, images: Sequence[bytes], query: schemas.FaceQuery
) -> _Probes:
    """The one face of each image, all of them fused into one probe."""
    chosen, soon = selection(service, query), urgency(request, query)
    found = await service.pipeline.each(images, chosen, soon)
    readings = [_sound(n, each) for n, each in enumerate(found)]
    faces = [reading.only() for reading in readings]
    vectors = np.stack([face.embedding for face in faces])
    probe = fused(vectors, np.array([face.quality.norm for face in faces]))
    return _Probes(probe[np.newaxis], [None], faces, readings=readings)


def _sound(index: int, read: Reading | ServiceError) -> Reading:
    """What was read, of one face."""
    try:
        if isinstance(read, ServiceError):
            raise read
        read.only()
    except (ImageError, FaceError) as error:  # several images were sent: say which
        raise type(error)(f"images[{index}]: {error}") from error
    return read
