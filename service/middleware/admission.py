"""Refuses at the door, by the headers alone, what could not be served soon."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Overloaded
from service.middleware.gate import Gate, Place
from service.middleware.refusal import Refusals, refuse
from service.telemetry import ACTIVE, LIMIT, REFUSED

log = logging.getLogger("service")
PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})


class Admission:
    """Sends each request through the gate of its kind; probes are always let in."""

    def __init__(self, app: ASGIApp, *, gate: Callable[[Scope], Gate]) -> None:
        self.app, self._gate = app, gate
        self._refusals = Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            return await self.app(scope, receive, send)
        gate = self._gate(scope)
        LIMIT.labels(gate.name).set(gate.limit)
        try:
            place = gate.enter()
        except Overloaded as error:
            REFUSED.labels("overloaded").inc()
            if count := self._refusals.due():
                log.warning("%d refused for overload; %d may be in progress", count, gate.limit)
            return await refuse(error, scope, receive, send)
        ACTIVE.inc()
        try:
            await self.app(scope, _arriving(receive, place), _answering(send, place))
        finally:
            ACTIVE.dec()
            place.leave(served=False)


def _arriving(receive: Receive, place: Place) -> Receive:
    """Work starts when the body is there: a slow upload is not the machine's slowness."""

    async def arriving() -> Message:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            place.work()
        return message

    return arriving


def _answering(send: Send, place: Place) -> Send:
    """Work ends with the answer's first byte, or a slow reader would hold a place."""

    async def answering(message: Message) -> None:
        if message["type"] == "http.response.start":
            place.leave(served=message["status"] < 300)
        await send(message)

    return answering
