"""A request and an answer of each operation, as they were recorded from a running service."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from service.routes.bodies import JSON


def exemplify(document: dict[str, Any]) -> None:
    """Writes `examples.json` into an OpenAPI document, in place."""
    recorded = json.loads((files(__package__) / "examples.json").read_text())
    for path in document["paths"].values():
        for operation in path.values():
            for side, value in recorded.get(operation["operationId"], {}).items():
                _content(operation, side)["examples"] = {"recorded": {"value": value}}


def _content(operation: dict[str, Any], side: str) -> dict[str, Any]:
    """The JSON of an operation's request, or of its answer where it succeeds."""
    holder = operation["requestBody"] if side == "request" else _success(operation)
    content: dict[str, Any] = holder["content"][JSON]
    return content


def _success(operation: dict[str, Any]) -> dict[str, Any]:
    status = max(status for status in operation["responses"] if status < "300")
    answer: dict[str, Any] = operation["responses"][status]
    return answer
