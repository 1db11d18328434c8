"""Puts the service together: one place that knows every part, and the order they open in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any, TypedDict

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from service import problems, schemas
from service.middleware import Admission, BodyLimit, CancelOnDisconnect, RequestId
from service.routes import faces, gallery, system
from service.runtime import Runtime, Service, open_service

DESCRIPTION = """\
Face recognition on your own hardware: detection, embeddings with calibrated quality, 1:1
verification and 1:N identification. Images are JPEG, PNG or WebP, sent raw, as a multipart form
or as base64 in JSON; they are never kept. Every error is an RFC 9457 problem document whose
`type` names the cause.
"""
# Bodies that a route reads itself, in several forms, are unknown to FastAPI.
BODIES = (schemas.ImageBody, schemas.ImagesBody, schemas.VerifyBody, schemas.IdentifyBody)


class State(TypedDict):
    """What the lifespan hands to each request."""

    service: Service


def create_app(runtime: Runtime) -> FastAPI:
    """The application over an opened runtime, which the caller closes."""
    app = FastAPI(
        title="adaface-service",
        version=version("adaface-service"),
        description=DESCRIPTION,
        lifespan=_lifespan(runtime),
        generate_unique_id_function=_operation_id,
    )
    for part in (faces, gallery, system):
        app.include_router(part.router)
    problems.install(app)
    settings = runtime.settings
    app.add_middleware(CancelOnDisconnect)  # the last one added is the first one met
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(Admission, limit=settings.max_requests)
    app.add_middleware(RequestId)
    app.openapi = lambda: document(app)  # type: ignore[method-assign] # FastAPI's documented hook
    return app


def _lifespan(
    runtime: Runtime,
) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with open_service(runtime) as service:
            yield State(service=service)

    return lifespan


def _operation_id(route: APIRoute) -> str:
    return route.name


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, problem documents under their own media type."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, bodies = models_json_schema(
            [(model, "validation") for model in BODIES],
            ref_template="#/components/schemas/{model}",
        )
        made["components"]["schemas"] = dict(
            sorted((made["components"]["schemas"] | bodies["$defs"]).items())
        )
        problems.as_problem_media_type(made)
        app.openapi_schema = made
    return app.openapi_schema
