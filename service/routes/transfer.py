"""Collections on the move: exported in parts, and imported from them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from service import schemas
from service.errors import (
    BundleMismatch,
    CollectionNotFound,
    ImportConflict,
    InvalidEmbedding,
    StorageFailed,
    StorageFull,
    UnsupportedMedia,
    UnusablePart,
)
from service.problems import problems
from service.routes import bodies
from service.routes.serving import COMMON, CollectionId, Served
from service.transfer import parts

router = APIRouter(prefix="/collections/{collection}", tags=["gallery"])
NEXT: Final = "X-Next-Cursor"
INFLATED: Final = 4  # times the bytes a body may have: what a part may inflate to

_BINARY: Final = {parts.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
_BYTES: Final = {bodies.BYTES: _BINARY[parts.MEDIA_TYPE]}
_CURSOR: Final = {
    "description": "Ask with it, as `after`, for the next part; absent from the last one.",
    "schema": {"type": "string"},
}
_PART: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": _BINARY, "headers": {NEXT: _CURSOR}}
}


class PartResponse(Response):
    media_type = parts.MEDIA_TYPE


@router.get(
    "/export",
    response_class=PartResponse,
    responses=_PART | problems(*COMMON, CollectionNotFound, BundleMismatch),
)
def export_persons(
    collection: CollectionId, query: Annotated[schemas.ExportQuery, Query()], service: Served
) -> PartResponse:
    """The next persons with their faces and embeddings, each as of one moment; see docs/operating.md."""
    part = service.gallery.export_part(collection, query.after, query.limit)
    headers = {} if part.next is None else {NEXT: part.next}
    return PartResponse(parts.written(part), headers=headers)


@router.post(
    "/import",
    openapi_extra={"requestBody": {"required": True, "content": _BINARY | _BYTES}},
    responses=problems(
        *COMMON,
        UnsupportedMedia,
        UnusablePart,
        InvalidEmbedding,
        BundleMismatch,
        ImportConflict,
        StorageFailed,
        StorageFull,
    ),
)
async def import_persons(
    request: Request,
    collection: CollectionId,
    query: Annotated[schemas.ImportQuery, Query()],
    service: Served,
) -> schemas.Imported:
    """All persons of a part, with their ids and times, or none; the collection is created if missing.

    Who is there already and is the same stays, so that a part can be sent again.
    """
    if bodies.media_type(request) not in {parts.MEDIA_TYPE, bodies.BYTES}:
        raise bodies.unsupported(request, parts.MEDIA_TYPE)
    most = INFLATED * service.settings.max_body_bytes
    part = await asyncio.to_thread(parts.read, await request.body(), most)
    done = await asyncio.to_thread(service.gallery.import_part, collection, part, query.on_conflict)
    return schemas.Imported(
        created=done.created,
        unchanged=done.unchanged,
        replaced=done.replaced,
        skipped=len(done.conflicts),
        conflicts=list(done.conflicts),
    )
