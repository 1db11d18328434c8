"""The whole gallery as one file, made while it is in use."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from service.errors import Overloaded, StorageFailed, StorageFull
from service.problems import problems
from service.routes.serving import Served

router = APIRouter(tags=["system"])
MEDIA_TYPE: Final = "application/vnd.adaface.backup"
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get(
    "/backup",
    response_class=StreamingResponse,
    responses=_FILE | problems(Overloaded, StorageFailed, StorageFull),
)
async def read_backup(service: Served) -> StreamingResponse:
    """All collections as of one moment, for `adaface restore`; see docs/operating.md.

    It needs as much room in the data directory as the gallery takes, until it is sent.
    """
    made = await asyncio.to_thread(service.gallery.backup)
    headers = {
        "Content-Length": str(made.size),
        "Content-Disposition": f'attachment; filename="{made.name}"',
    }
    return StreamingResponse(made.parts, media_type=MEDIA_TYPE, headers=headers)
