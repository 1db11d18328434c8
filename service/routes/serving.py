"""What every route needs: the running service, and the problems any of them can answer."""

from __future__ import annotations

from typing import Annotated, TypeVar, cast

from fastapi import Depends, Header, Path, Query, Request, Response

from service import gallery, schemas
from service.changeover import Changeover
from service.duplicates import Underway
from service.errors import (
    BodyTooLarge,
    DeadlineExceeded,
    EmptyImage,
    ImageTooLarge,
    InvalidRequest,
    NotAligned,
    Overloaded,
    RequestTimeout,
    UndecodableImage,
    UnsupportedImage,
    UnsupportedMedia,
)
from service.health import Health
from service.runtime import Service

Kept = TypeVar("Kept", gallery.Person, gallery.Collection)
COMMON = (InvalidRequest, BodyTooLarge, RequestTimeout, Overloaded, DeadlineExceeded)
IMAGE = (
    EmptyImage,
    UndecodableImage,
    UnsupportedMedia,
    UnsupportedImage,
    ImageTooLarge,
    NotAligned,
)


async def running(request: Request) -> Service:
    """The service that the application's lifespan opened.

    `async`, as every dependency here: FastAPI sends others through a thread, at 1 ms a request.
    """
    return cast("Service", request.state.service)


async def health(request: Request) -> Health:
    """How the service is, and whether it is leaving."""
    return cast("Health", request.state.health)


async def changing(request: Request) -> Changeover:
    """What carries on the changes of collections to another model."""
    return cast("Changeover", request.state.changeover)


async def enrolling(request: Request) -> Underway:
    """Who is being enrolled by other requests just now."""
    return cast("Underway", request.state.underway)


Changing = Annotated[Changeover, Depends(changing)]
Enrolling = Annotated[Underway, Depends(enrolling)]
Served = Annotated[Service, Depends(running)]
CollectionId = Annotated[
    schemas.Id, Path(description="The collection's id; `default` is always there.")
]
PersonId = Annotated[schemas.Id, Path(description="The person's id.")]
FaceId = Annotated[schemas.Id, Path(description="The face's id.")]
ModelName = Annotated[schemas.Id, Path(description="The id or the name of a loaded model.")]
Page = Annotated[schemas.PageQuery, Query()]


async def matched(
    if_match: Annotated[
        str | None, Header(description="The ETag as it was read: fails if it is another by now.")
    ] = None,
) -> frozenset[str] | None:
    """The tags of which a change wants one to be current (RFC 9110, 13.1.1); None for any."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(tag.strip() for tag in if_match.split(","))


Match = Annotated[frozenset[str] | None, Depends(matched)]


def tagged(out: Response, kept: Kept) -> Kept:
    """The same, after its tag was put into the headers."""
    out.headers["ETag"] = gallery.etag(kept)
    return kept
