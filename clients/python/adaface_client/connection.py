"""How the service is reached, and how photographs are sent to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import httpx

from adaface_client.generated import AuthenticatedClient
from adaface_client.generated.types import File


def connect(url: str, key: str = "", seconds: float = 60.0) -> AuthenticatedClient:
    """A client of the service at `url`, for `with` and `async with`.

    `key` is an access key; a service without keys takes any. Raises httpx.TimeoutException from
    a request that gets no answer within `seconds`.
    """
    return AuthenticatedClient(url, token=key or "none", timeout=httpx.Timeout(seconds))


def photograph(image: bytes | Path) -> File:
    """A JPEG, PNG or WebP file as the body of a request, or as a file of its form."""
    content = image if isinstance(image, bytes) else image.read_bytes()
    # The generated type says BinaryIO, which the async client could not send; bytes go both ways.
    return File(
        payload=cast("Any", content), file_name="image", mime_type="application/octet-stream"
    )
