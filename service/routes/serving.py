"""What every route needs: the running service, and the problems any of them can answer."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from service.errors import (
    BodyTooLarge,
    EmptyImage,
    ImageTooLarge,
    InvalidRequest,
    NotAligned,
    Overloaded,
    UndecodableImage,
    UnsupportedImage,
    UnsupportedMedia,
)
from service.runtime import Service

COMMON = (InvalidRequest, BodyTooLarge, Overloaded)
IMAGE = (
    EmptyImage,
    UndecodableImage,
    UnsupportedMedia,
    UnsupportedImage,
    ImageTooLarge,
    NotAligned,
)


def running(request: Request) -> Service:
    """The service that the application's lifespan opened."""
    return cast("Service", request.state.service)


Served = Annotated[Service, Depends(running)]
