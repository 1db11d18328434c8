"""What runs, whether it is well, and how fast it is."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service import model_cards, schemas, telemetry
from service.errors import InvalidRequest, ModelNotFound, ServiceError
from service.health import Health
from service.problems import problems
from service.routes.serving import ModelName, Served, health

router = APIRouter(tags=["system"])
Condition = Annotated[Health, Depends(health)]


@router.get("/", include_in_schema=False)
def front_door() -> RedirectResponse:
    return RedirectResponse("/docs")


@router.get("/models")
def list_models(service: Served) -> schemas.Models:
    """The bundle in service and the next one: where they come from, what their thresholds stand on."""
    provider = service.settings.provider
    loaded = [model_cards.model(model.bundle, provider) for model in service.models.values()]
    return schemas.Models(items=loaded)


@router.get("/models/{name}", responses=problems(InvalidRequest, ModelNotFound))
def get_model(name: ModelName, service: Served) -> schemas.ModelDetail:
    """A loaded bundle by its id or name: all that its manifest says, and its model card."""
    found = model_cards.named(service.models, name)
    return model_cards.detail(found, service.settings.provider)


@router.get(
    "/models/{name}/card",
    response_class=Response,
    responses={
        **problems(InvalidRequest, ModelNotFound),
        200: {"content": {"text/markdown": {"schema": {"type": "string"}}}},
    },
)
def read_model_card(name: ModelName, service: Served) -> Response:
    """The model card: what the model was trained on, what it is good for, and what not."""
    if (text := model_cards.card(model_cards.named(service.models, name))) is None:
        raise ModelNotFound(f"The model {name!r} has no model card.")
    return Response(text, media_type="text/markdown; charset=utf-8")


@router.get("/livez", responses={503: {"model": schemas.Health}})
async def check_liveness(condition: Condition, out: Response) -> schemas.Health:
    """The networks answered within the last 30 s; a failure means restart the process."""
    return _health([] if condition.alive else ["networks"], out)


@router.get("/readyz", responses={503: {"model": schemas.Health}})
async def check_readiness(service: Served, condition: Condition, out: Response) -> schemas.Health:
    """Requests can be served. Reads no database: probes must not load it."""
    return _health(condition.missing(service), out)


def _health(missing: list[str], out: Response) -> schemas.Health:
    if missing:
        out.status_code = 503
    return schemas.Health(status="unavailable" if missing else "ok", waiting_for=missing)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def read_metrics(service: Served) -> Response:
    """Prometheus text format; no label names anybody."""
    with suppress(ServiceError):  # what else there is to tell must not fail with the disk
        telemetry.enrolled(*service.gallery.sizes())
    telemetry.waiting(model.pipeline.queued for model in service.models.values())
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
