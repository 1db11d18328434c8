"""`/detect`, `/embed` and `/verify`: what photographs show."""

from __future__ import annotations

import asyncio
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from service import answers, points, rendering, schemas
from service.errors import (
    FaceError,
    ImageError,
    InvalidEmbedding,
    NoFaceFound,
    SeveralFacesFound,
    Uncalibrated,
    UnsupportedRate,
)
from service.problems import problems
from service.routes import bodies
from service.routes.answering import answer, read
from service.routes.serving import COMMON, IMAGE, Served
from service.runtime import Service

router = APIRouter(tags=["faces"])


@router.post(
    "/detect",
    response_model=schemas.Faces,
    openapi_extra=bodies.documented(schemas.ImageBody, "image"),
    responses=problems(*COMMON, *IMAGE),
)
async def detect_faces(
    request: Request, query: Annotated[schemas.DetectQuery, Query()], service: Served
) -> Response:
    """Faces with box, landmarks, detection score and quality. None found is an empty list."""
    reading = await read(request, service, await bodies.image(request), query)
    return answer(rendering.faces(reading, query.embedding, service.bundle), reading)


@router.post(
    "/embed",
    response_model=schemas.Faces,
    openapi_extra=bodies.documented(schemas.ImageBody, "image"),
    responses=problems(*COMMON, *IMAGE),
)
async def embed_faces(
    request: Request, query: Annotated[schemas.EmbedQuery, Query()], service: Served
) -> Response:
    """Faces with their embeddings: JSON numbers, or base64 of little-endian float32."""
    reading = await read(request, service, await bodies.image(request), query)
    return answer(rendering.faces(reading, query.embedding, service.bundle), reading)


@router.post(
    "/verify",
    response_model=schemas.Verification,
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
) -> Response:
    """Whether two faces are the same person, at a chosen false match rate or threshold."""
    point = points.verification_point(service, query)
    given = await bodies.sides(request, service.bundle.manifest.embedding_size)
    source, target = await asyncio.gather(
        *(
            _side(request, service, *each, query)
            for each in zip(("source", "target"), given, strict=True)
        )
    )
    return answer(answers.verification(service, source, target, point, query.embedding))


async def _side(
    request: Request,
    service: Service,
    name: str,
    given: bytes | NDArray[np.float32],
    query: schemas.VerifyQuery,
) -> answers.Side:
    if not isinstance(given, bytes):
        return answers.Side(given, None)
    try:
        face = (await read(request, service, given, query)).only()
    except (ImageError, FaceError) as error:  # two images were sent: say which
        raise type(error)(f"{name}: {error}") from error
    return answers.Side(face.embedding, face)
