"""Renders every failure as an RFC 9457 problem document, and documents it per operation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from service.errors import InvalidRequest, ServiceError
from service.schemas.common import Status

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """An RFC 9457 problem document. `type` names the cause and never changes."""

    type: str = Field(
        description="Names the cause, and never changes.", examples=["urn:problem:no-face-found"]
    )
    title: str = Field(description="The cause in words.", examples=["No face found"])
    status: Status = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(
        description="What went wrong, and what to do.",
        examples=["No face was found; send a photograph with a visible face."],
    )
    request_id: str = Field(
        description="Also in the header `X-Request-ID` and in the log.",
        examples=["4b0f7c4e5d0a4d0f9f6a1f0e2c3d4b5a"],
    )


def problem(error: ServiceError, request_id: str) -> Problem:
    """The document that says what `error` is."""
    return Problem(
        type=f"urn:problem:{error.slug()}",
        title=error.title,
        status=error.status,
        detail=str(error) or error.title,
        request_id=request_id,
    )


def response(error: ServiceError, request_id: str) -> JSONResponse:
    """The HTTP answer to `error`, with Retry-After where waiting helps."""
    retry = error.retry_after
    wait = {} if retry is None else {"Retry-After": str(max(1, math.ceil(retry)))}
    document = problem(error, request_id).model_dump() | dict(error.extra)
    return JSONResponse(document, error.status, wait | dict(error.headers), MEDIA_TYPE)


def problems(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can raise `errors`: each status with an example per cause."""
    documented: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = documented.setdefault(
            error.status,
            {
                "model": Problem,
                "description": error.title,
                "content": {MEDIA_TYPE: {"examples": {}}},
            },
        )
        if error.title not in entry["description"]:
            entry["description"] += f" / {error.title}"
        entry["content"][MEDIA_TYPE]["examples"][error.slug()] = {"value": _example(error)}
    return documented


def _example(error: type[ServiceError]) -> dict[str, Any]:
    return {
        "type": f"urn:problem:{error.slug()}",
        "title": error.title,
        "status": error.status,
        "detail": error.title + ".",
        "request_id": "4b0f7c4e5d0a4d0f9f6a1f0e2c3d4b5a",
    }


def install(app: FastAPI, routes: Sequence[Route]) -> None:
    """Makes every foreseen error of `app`, its own and the framework's, a problem document.

    The others are `RequestId`'s, which counts and logs what it answers.
    """
    app.add_exception_handler(ServiceError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, partial(_http, routes))


def request_id(request: Request) -> str:
    """The id the middleware gave this request."""
    return str(request.scope.get("request_id", ""))


async def _known(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ServiceError):
        raise error
    return response(error, request_id(request))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    return response(InvalidRequest(sentence(error.errors())), request_id(request))


def sentence(errors: Any) -> str:
    """The first of pydantic's complaints as one sentence; input values are never repeated."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
    return f"{where or 'The body'}: {first['msg']}."


async def _http(routes: Sequence[Route], request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's word for bytes that are no text
        return response(InvalidRequest("The body is not JSON in UTF-8."), request_id(request))
    slug = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
    document = Problem(
        type=f"urn:problem:{slug}",
        title=str(error.detail),
        status=error.status_code,
        detail=f"{request.method} {request.url.path}: {error.detail}.",
        request_id=request_id(request),
    )
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _methods(request, routes)
    return JSONResponse(document.model_dump(), error.status_code, headers, MEDIA_TYPE)


def _methods(request: Request, routes: Sequence[Route]) -> str:
    """The methods of all routes of an address (RFC 9110, 15.5.6); the router names the first's."""
    met = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({each for route in met for each in route.methods or ()}))


def as_problem_media_type(document: dict[str, Any]) -> None:
    """Moves the Problem schema in an OpenAPI document under its own media type, in place.

    FastAPI writes every model it is given under the media type of the operation's own answers.
    """
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation.get("responses", {}).values():
                _move(answer.get("content", {}))


def _move(content: dict[str, Any]) -> None:
    for media in [each for each in content if each != MEDIA_TYPE]:
        if content[media].get("schema", {}).get("$ref", "").endswith("/Problem"):
            content[MEDIA_TYPE] = content.get(MEDIA_TYPE, {}) | content.pop(media)
