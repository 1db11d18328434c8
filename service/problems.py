"""Renders every failure as an RFC 9457 problem document, and documents it per operation."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from service.errors import InvalidRequest, ServiceError

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("service")


class Problem(BaseModel):
    """An RFC 9457 problem document. `type` names the cause and never changes."""

    type: str = Field(examples=["urn:problem:no-face-found"])
    title: str = Field(examples=["No face found"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["No face was found; send a photograph with a visible face."])
    request_id: str = Field(examples=["4b0f7c4e5d0a4d0f9f6a1f0e2c3d4b5a"])


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


def install(app: FastAPI) -> None:
    """Makes every error of `app`, its own and the framework's, a problem document."""
    app.add_exception_handler(ServiceError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


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


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    slug = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
    document = Problem(
        type=f"urn:problem:{slug}",
        title=str(error.detail),
        status=error.status_code,
        detail=f"{request.method} {request.url.path}: {error.detail}.",
        request_id=request_id(request),
    )
    return JSONResponse(document.model_dump(), error.status_code, error.headers, MEDIA_TYPE)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """A bug of ours: the log has the traceback, the caller an id to quote."""
    log.error("request %s failed", request_id(request), exc_info=error)
    hidden = ServiceError("Something went wrong inside the service; quote the request id.")
    return response(hidden, request_id(request))


def as_problem_media_type(document: dict[str, Any]) -> None:
    """Moves the Problem schema in an OpenAPI document under its own media type, in place.

    FastAPI writes `application/json` for every model it is given.
    """
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation.get("responses", {}).values():
                content = answer.get("content", {})
                if "Problem" in json.dumps(content.get("application/json", {})):
                    schema = content.pop("application/json")
                    content[MEDIA_TYPE] = content.get(MEDIA_TYPE, {}) | schema
