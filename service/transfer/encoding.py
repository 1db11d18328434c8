"""Documents as JSON and back. In ASCII, so that whatever text a client once sent comes back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from service.problems import sentence

M = TypeVar("M", bound=BaseModel)


def encoded(document: BaseModel, indent: int | None = None) -> bytes:
    """Not by pydantic, which refuses the half surrogate pairs that JSON allows in metadata."""
    told = document.model_dump()
    return json.dumps(told, default=datetime.isoformat, allow_nan=False, indent=indent).encode()


def decoded(model: type[M], content: bytes) -> M:
    """Raises ValueError with a sentence, whatever the bytes are."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from error
    if isinstance(document, dict) and document.get("version", 1) != 1:
        raise ValueError(f"it is of version {document['version']!r}; this release reads 1")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise ValueError(sentence(error.errors())) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
