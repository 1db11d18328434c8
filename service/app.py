"""Puts the service together: one place that knows every part, and the order they open in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any, TypedDict

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from pydantic.json_schema import models_json_schema

from service import problems, schemas
from service.changeover import Changeover
from service.duplicates import Underway
from service.gallery import Replayed
from service.health import Health
from service.middleware import (
    AccessKeys,
    Admission,
    BodyLimit,
    CancelOnDisconnect,
    Deadline,
    Gates,
    RequestId,
)
from service.routes import (
    backups,
    batches,
    bodies,
    collections,
    enrolled,
    examples,
    faces,
    gallery_health,
    idempotency,
    identification,
    links,
    persons,
    renewals,
    scopes,
    site_calibrations,
    system,
    transfer,
)
from service.runtime import Runtime, Service, open_service

DESCRIPTION = """\
Face recognition on your own hardware: detection, embeddings with calibrated quality, 1:1
verification and 1:N identification. Images are JPEG, PNG or WebP, sent raw, as a multipart form
or as base64 in JSON; they are never kept. Every error is an RFC 9457 problem document whose
`type` names the cause.
"""
# Bodies that a route reads itself, in several forms, are unknown to FastAPI.
BODIES = (
    schemas.ImageBody,
    schemas.ImagesBody,
    schemas.BatchBody,
    schemas.VerifyBody,
    schemas.IdentifyBody,
)


PARTS = (
    faces,
    batches,
    identification,
    collections,
    persons,
    enrolled,
    gallery_health,
    site_calibrations,
    renewals,
    transfer,
    backups,
    system,
)


# FastAPI would put paths and queries, and so the ids of persons, into spans and logs of its own.
UNTOLD: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}


class State(TypedDict):
    """What the lifespan hands to each request."""

    service: Service
    health: Health
    changeover: Changeover
    underway: Underway


def create_app(runtime: Runtime, health: Health | None = None) -> FastAPI:
    """The application over an opened runtime, which the caller closes."""
    app = FastAPI(
        title="adaface-service",
        version=version("adaface-service"),
        description=DESCRIPTION,
        lifespan=_lifespan(runtime, health or Health()),
        generate_unique_id_function=_operation_id,
        telemetry=UNTOLD,
    )
    for part in PARTS:
        app.include_router(part.router)
    problems.install(app, _routes())
    app.add_exception_handler(Replayed, idempotency.replay)
    _guard(app, runtime)
    app.openapi = lambda: document(app)  # type: ignore[method-assign] # FastAPI's documented hook
    return app


def _guard(app: FastAPI, runtime: Runtime) -> None:
    """Puts the middleware around the application; see `service.middleware` for the order."""
    settings, routes = runtime.settings, _routes()
    app.add_middleware(CancelOnDisconnect)  # the last one added is the first one met
    app.add_middleware(
        BodyLimit,
        limit=settings.max_body_bytes,
        total=settings.max_body_bytes_in_flight,
        seconds=settings.client_seconds,
    )
    app.add_middleware(Deadline, seconds=settings.deadline_seconds)
    app.add_middleware(Admission, gate=Gates(settings, _taking_photographs(routes)))
    app.add_middleware(AccessKeys, access=runtime.access, needed=scopes.Needed(routes))
    app.add_middleware(RequestId)


def _routes() -> list[APIRoute]:
    return [each for part in PARTS for each in part.router.routes if isinstance(each, APIRoute)]


def _taking_photographs(routes: Sequence[APIRoute]) -> list[APIRoute]:
    return [route for route in routes if bodies.FORM in _content(route)]


def _content(route: APIRoute) -> dict[str, Any]:
    content: dict[str, Any] = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
    return content


def _lifespan(
    runtime: Runtime,
    health: Health,
) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with open_service(runtime) as service, health.watching(service.pipeline):
            changeover = Changeover(service)
            async with changeover.running():
                yield State(
                    service=service,
                    health=health,
                    changeover=changeover,
                    underway=Underway(),
                )

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
        scopes.secure(made)
        links.link(made)
        examples.exemplify(made)
        app.openapi_schema = made
    return app.openapi_schema
