"""`/detect`, `/embed`, `/verify` and `/identify`: what a photograph shows."""

from __future__ import annotations

import asyncio
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from service import answers, schemas
from service.errors import (
    BundleMismatch,
    CollectionNotFound,
    FaceError,
    ImageError,
    IndexBuilding,
    InvalidEmbedding,
    NoFaceFound,
    SeveralFacesFound,
    Uncalibrated,
    UnsupportedRate,
)
from service.pipeline import FaceFeatures, Reading, Selection
from service.problems import problems
from service.routes import bodies
from service.routes.serving import COMMON, IMAGE, Served
from service.runtime import Service
from service.telemetry import server_timing

router = APIRouter(tags=["faces"])


@router.post(
    "/detect",
    openapi_extra=bodies.documented(schemas.ImageBody, "image"),
    responses=problems(*COMMON, *IMAGE),
)
async def detect_faces(
    request: Request, query: Annotated[schemas.DetectQuery, Query()], service: Served, out: Response
) -> schemas.Faces:
    """Faces with box, landmarks, detection score and quality. None found is an empty list."""
    reading = await _read(service, await bodies.image(request), query)
    return _faces(reading, query.embedding, service, out)


@router.post(
    "/embed",
    openapi_extra=bodies.documented(schemas.ImageBody, "image"),
    responses=problems(*COMMON, *IMAGE),
)
async def embed_faces(
    request: Request, query: Annotated[schemas.EmbedQuery, Query()], service: Served, out: Response
) -> schemas.Faces:
    """Faces with their embeddings: JSON numbers, or base64 of little-endian float32."""
    reading = await _read(service, await bodies.image(request), query)
    return _faces(reading, query.embedding, service, out)


@router.post(
    "/verify",
    openapi_extra=bodies.documented(schemas.VerifyBody, "source", "target", raw_body=False),
    responses=problems(
        *COMMON,
        *IMAGE,
        NoFaceFound,
        SeveralFacesFound,
        InvalidEmbedding,
        UnsupportedRate,
        Uncalibrated,
    ),
)
async def verify_faces(
    request: Request, query: Annotated[schemas.VerifyQuery, Query()], service: Served
) -> schemas.Verification:
    """Whether two faces are the same person, at a chosen false match rate or threshold."""
    point = answers.verification_point(service, query)
    given = await bodies.sides(request, service.bundle.manifest.embedding_size)
    source, target = await asyncio.gather(
        *(_side(service, *each, query) for each in zip(("source", "target"), given, strict=True))
    )
    return answers.verification(service, source, target, point, query.embedding)


@router.post(
    "/identify",
    openapi_extra=bodies.documented(schemas.IdentifyBody, "image"),
    responses=problems(
        *COMMON,
        *IMAGE,
        NoFaceFound,
        InvalidEmbedding,
        UnsupportedRate,
        CollectionNotFound,
        BundleMismatch,
        IndexBuilding,
        Uncalibrated,
    ),
)
async def identify_faces(
    request: Request,
    query: Annotated[schemas.IdentifyQuery, Query()],
    service: Served,
    out: Response,
) -> schemas.Identification:
    """Who of a collection the faces are, at a chosen false positive rate per search, or threshold."""
    given = await bodies.probes(request, service.bundle.manifest.embedding_size)
    persons = await asyncio.to_thread(service.gallery.size, query.collection)
    point = answers.search_point(service, query, persons)
    faces, vectors, truncated = await _probes(service, given, query, out)
    found = await asyncio.to_thread(service.gallery.search, query.collection, vectors, query.limit)
    return answers.identification(
        service, query, point, list(zip(faces, found, strict=True)), truncated=truncated
    )


async def _read(service: Service, body: bytes, query: schemas.FaceQuery) -> Reading:
    return await service.pipeline(body, selection(service, query))


def selection(service: Service, query: schemas.FaceQuery) -> Selection:
    """The faces a query asks for; never more than the operator allows."""
    most = service.settings.max_faces
    return Selection(
        max_faces=min(query.max_faces or most, most),
        largest=query.largest,
        aligned=query.aligned,
        threshold=query.min_detection_score,
    )


def _faces(
    reading: Reading, form: schemas.EmbeddingFormat, service: Service, out: Response
) -> schemas.Faces:
    out.headers["Server-Timing"] = server_timing(reading.milliseconds)
    return answers.faces(reading, form, service.bundle)


async def _side(
    service: Service, name: str, given: bytes | NDArray[np.float32], query: schemas.VerifyQuery
) -> answers.Probe:
    if not isinstance(given, bytes):
        return answers.Probe(given, None)
    try:
        face = (await _read(service, given, query)).only()
    except (ImageError, FaceError) as error:  # two images were sent: say which
        raise type(error)(f"{name}: {error}") from error
    return answers.Probe(face.embedding, face)


async def _probes(
    service: Service, given: bytes | NDArray[np.float32], query: schemas.FaceQuery, out: Response
) -> tuple[list[FaceFeatures | None], NDArray[np.float32], bool]:
    if not isinstance(given, bytes):
        return [None] * len(given), given, False
    reading = await _read(service, given, query)
    if not reading.faces:
        raise NoFaceFound("No face was found; send a photograph with a visible face.")
    out.headers["Server-Timing"] = server_timing(reading.milliseconds)
    return list(reading.faces), np.stack([f.embedding for f in reading.faces]), reading.truncated
