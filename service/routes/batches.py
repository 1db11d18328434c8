"""`/detect/batch` and `/embed/batch`: many images in one request, each with an answer of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service import rendering, schemas
from service.errors import ServiceError, UndecodableImage, UnsupportedMedia
from service.pipeline import Reading
from service.problems import problems
from service.routes import bodies
from service.routes.answering import answer, selection, urgency
from service.routes.serving import COMMON, Served
from service.runtime import Service

router = APIRouter(tags=["faces"])


@router.post(
    "/detect/batch",
    response_model=schemas.Batch,
    openapi_extra=bodies.documented(schemas.BatchBody, "images", raw_body=False),
    responses=problems(*COMMON, UnsupportedMedia),
)
async def detect_batch(
    request: Request, query: Annotated[schemas.DetectBatchQuery, Query()], service: Served
) -> Response:
    """Faces of up to 50 images. One bad image is a problem among the items, and spoils no other."""
    return await _batch(request, query, service)


@router.post(
    "/embed/batch",
    response_model=schemas.Batch,
    openapi_extra=bodies.documented(schemas.BatchBody, "images", raw_body=False),
    responses=problems(*COMMON, UnsupportedMedia),
)
async def embed_batch(
    request: Request, query: Annotated[schemas.EmbedBatchQuery, Query()], service: Served
) -> Response:
    """Faces of up to 50 images, with their embeddings; otherwise as `/detect/batch`."""
    return await _batch(request, query, service)


async def _batch(
    request: Request,
    query: schemas.DetectBatchQuery | schemas.EmbedBatchQuery,
    service: Service,
) -> Response:
    given = await bodies.batch(request)
    usable = [each for each in given if isinstance(each, bytes)]
    read = await service.pipeline.each(usable, selection(service, query), urgency(request, query))
    items = _in_place(given, read)
    readings = [each for each in items if isinstance(each, Reading)]
    return answer(rendering.batch(items, query.embedding, service.bundle), *readings)


def _in_place(
    given: Sequence[bytes | UndecodableImage], read: Sequence[Reading | ServiceError]
) -> list[Reading | ServiceError]:
    """What was read, at the positions of the images it was read from."""
    rest = iter(read)
    return [each if isinstance(each, UndecodableImage) else next(rest) for each in given]
