"""Problem documents as exceptions."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, TypeVar, cast

from adaface_client.generated.models.problem import Problem
from adaface_client.generated.types import Response

T = TypeVar("T")


class ProblemError(Exception):
    """The service answered with an error. `slug` names the cause and never changes.

    `extra` are further members of the problem document, as the candidates of `duplicate-person`;
    `retry_after` is in seconds, where waiting helps.
    """

    def __init__(self, status: int, document: dict[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.slug = str(document.get("type", "")).removeprefix("urn:problem:")
        self.title = str(document.get("title", HTTPStatus(status).phrase))
        self.detail = str(document.get("detail", self.title))
        self.request_id = str(document.get("request_id", ""))
        self.extra = {name: value for name, value in document.items() if name not in _MEMBERS}
        self.retry_after = retry_after
        super().__init__(f"{status} {self.slug or self.title}: {self.detail}")


_MEMBERS = frozenset({"type", "title", "status", "detail", "request_id"})


def answer(response: Response[T | Problem]) -> T:
    """What the operation answered. Raises ProblemError for every status from 400."""
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        raise _problem(response)
    return cast("T", response.parsed)


def _problem(response: Response[Any]) -> ProblemError:
    wait = response.headers.get("retry-after")
    document = _document(response.content)
    return ProblemError(int(response.status_code), document, None if wait is None else float(wait))


def _document(content: bytes) -> dict[str, Any]:
    """The problem document, or nothing where a proxy answered in the service's place."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
