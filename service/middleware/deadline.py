"""Ends work that nobody can wait for any longer."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import DeadlineExceeded, InvalidRequest
from service.middleware.admission import PROBES
from service.middleware.refusal import header, refuse
from service.telemetry import REFUSED

HEADER: Final = b"x-deadline-seconds"
UNHURRIED: Final = frozenset({*PROBES, "/backup"})  # a backup takes as long as the gallery is large


class Deadline:
    """Puts `scope["deadline"]`, in seconds of `time.monotonic()`, and cancels what passes it.

    A client may shorten its deadline by the header X-Deadline-Seconds, not lengthen it. The
    time counts from the request's headers. What waits for a batch sees the deadline in the
    scope and is not computed; everything else is cancelled here. Either way the answer is 504.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNHURRIED:
            return await self.app(scope, receive, send)
        try:
            seconds = self._allowed(scope)
        except InvalidRequest as error:
            return await refuse(error, scope, receive, send)
        scope["deadline"] = monotonic() + seconds
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(seconds):
                return await self.app(scope, receive, watched)
        except TimeoutError:
            if started:  # half an answer was sent: uvicorn closes the connection
                return None
        REFUSED.labels("deadline").inc()
        late = DeadlineExceeded(f"No answer within {seconds:g} s; retry later or allow more time.")
        return await refuse(late, scope, receive, send)

    def _allowed(self, scope: Scope) -> float:
        if (given := header(scope, HEADER)) is None:
            return self._seconds
        try:
            wanted = float(given)
        except ValueError:
            wanted = math.nan
        if not wanted > 0:
            raise InvalidRequest("X-Deadline-Seconds: give a number of seconds greater than 0.")
        return min(wanted, self._seconds)
