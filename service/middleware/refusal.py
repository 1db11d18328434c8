"""Answers a request that goes no further, in a way that its client can read."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Final

from starlette.types import Receive, Scope, Send

from service.errors import ServiceError
from service.problems import response

KEPT: Final = 1_000_000  # bytes; a connection with less to come is worth keeping
DISCARDED: Final = 16_000_000  # bytes of a refused body that are read and dropped
LINGER: Final = 2.0  # seconds
QUIET: Final = 10.0  # seconds between two lines about refusals, or a flood would fill the disk


class Refusals:
    """Counts refusals, and says when it is time for a line about them."""

    def __init__(self) -> None:
        self._count, self._told = 0, -QUIET

    def due(self) -> int:
        """Counts one more: how many there were since the last line, where one is due, else 0."""
        self._count += 1
        if (now := monotonic()) - self._told < QUIET:
            return 0
        count, self._count, self._told = self._count, 0, now
        return count


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header called `name`, which is in lower case."""
    return next((value for key, value in scope["headers"] if key == name), None)


def announced(scope: Scope) -> int | None:
    """The bytes of the body by its headers; None where they come in chunks."""
    if header(scope, b"transfer-encoding") is not None:
        return None
    given = header(scope, b"content-length") or b"0"
    return int(given) if given.isdigit() else 0


async def refuse(
    error: ServiceError, scope: Scope, receive: Receive, send: Send, *, discard: int = DISCARDED
) -> None:
    """Sends the problem document at once, whatever is still to come of the body.

    Where much is, the connection is closed, but not before `discard` bytes were dropped or
    LINGER seconds went by: closing a socket with unread bytes resets it, and a client that is
    still sending would lose the answer.
    """
    answer = response(error, scope.get("request_id", ""))
    size = announced(scope)
    if size is not None and size <= KEPT:
        return await answer(scope, receive, send)
    answer.headers["connection"] = "close"
    await send(
        {"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers}
    )
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            await _drop(receive, discard)
    return await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(receive: Receive, most: int) -> None:
    seen = 0
    while seen < most and (message := await receive())["type"] == "http.request":
        seen += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
