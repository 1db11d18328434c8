"""What the routes with faces have in common: who is asked for, how soon, and the answer as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastapi import Request, Response

from service import schemas
from service.pipeline import Reading, Selection, Urgency
from service.rendering import Document, encoded
from service.runtime import Service
from service.telemetry import server_timing


def selection(service: Service, query: schemas.FaceQuery) -> Selection:
    """The faces a query asks for; never more than the operator allows."""
    most = service.settings.max_faces
    return Selection(
        max_faces=min(query.max_faces or most, most),
        largest=query.largest,
        aligned=query.aligned,
        threshold=query.min_detection_score,
    )


def urgency(request: Request, query: schemas.FaceQuery) -> Urgency:
    """The lane a query asks for, and the deadline that the middleware gave the request."""
    return Urgency(query.lane, request.scope.get("deadline"))


async def read(
    request: Request, service: Service, body: bytes, query: schemas.FaceQuery
) -> Reading:
    """What one image of the request shows; raises as the pipeline does."""
    return await service.pipeline(body, selection(service, query), urgency(request, query))


def answer(document: Document, *readings: Reading) -> Response:
    """A document as JSON, with the time that reading its images took."""
    times = _sum(reading.milliseconds for reading in readings)
    headers = {"Server-Timing": server_timing(times)} if times else None
    return Response(encoded(document), media_type="application/json", headers=headers)


def _sum(times: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for each in times:
        for stage, spent in each.items():
            total[stage] = total.get(stage, 0.0) + spent
    return total
