"""What runs, whether it is well, and how fast it is."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service import answers, schemas
from service.routes.serving import Served

router = APIRouter(tags=["system"])


@router.get("/", include_in_schema=False)
def front_door() -> RedirectResponse:
    return RedirectResponse("/docs")


@router.get("/models")
def list_models(service: Served) -> schemas.Models:
    """The running bundle: where it comes from, and what its thresholds stand on."""
    return schemas.Models(items=[answers.model(service.bundle, service.settings.provider)])


@router.get("/livez")
async def check_liveness() -> schemas.Health:
    """The process answers; a failure means restart it."""
    return schemas.Health(status="ok")


@router.get("/readyz", responses={503: {"model": schemas.Health}})
async def check_readiness(service: Served, out: Response) -> schemas.Health:
    """Requests can be served. Never touches the gallery: probes must not load the database."""
    if service.pipeline.ready:
        return schemas.Health(status="ok")
    out.status_code = 503
    return schemas.Health(status="unavailable")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def read_metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
