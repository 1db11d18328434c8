"""Bounds what clients may send: how much, how slowly, and how much of all together."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLarge, Overloaded, RequestTimeout
from service.middleware.gate import LONGEST, Throughput
from service.middleware.refusal import announced, refuse
from service.telemetry import BODIES, REFUSED

FLOOR: Final = 16_000  # bytes that earn a client another second


class BodyLimit:
    """Refuses a body that is announced as, or turns out to be, too large or too slow.

    A body has to be there `seconds` after the headers, plus one for every FLOOR bytes that
    came; no pause may be longer than half of `seconds`. Bodies of all requests are held in
    memory until these are answered, `total` bytes of them; one more is refused.
    """

    def __init__(self, app: ASGIApp, *, limit: int, total: int, seconds: float) -> None:
        self.app, self.limit, self.total, self.seconds = app, limit, total, seconds
        self._held = 0
        self._flow = Throughput(monotonic)  # of bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = announced(scope) if scope["type"] == "http" else 0
        if size == 0:
            return await self.app(scope, receive, send)
        if size is not None and size > self.limit:
            return await refuse(self.too_large(), scope, receive, send)
        if size is not None and not self.fits(size):
            return await refuse(self.no_room(size), scope, receive, send)
        upload = _Upload(self, receive)
        self._flow.begin()
        try:
            return await self.app(scope, upload, send)
        finally:
            self.hold(-upload.seen)
            self._flow.end(upload.seen)

    def hold(self, count: int) -> None:
        """Counts `count` bytes more (or less) as held in memory."""
        self._held += count
        BODIES.set(self._held)

    def fits(self, count: int, own: int = 0) -> bool:
        """Whether `count` bytes may join the `own` of a body; one alone may have any size."""
        return self._held == own or self._held + count <= self.total

    def too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body exceeds {self.limit} bytes; send a smaller image.")

    def no_room(self, count: int) -> Overloaded:
        """With the time in which `count` bytes are given back, as fast as it went so far."""
        REFUSED.labels("bodies").inc()
        rate = self._flow.rate
        return Overloaded(LONGEST if rate is None else min(LONGEST, count / rate))


class _Upload:
    """One body on its way, as the `receive` of the application."""

    def __init__(self, bounds: BodyLimit, receive: Receive) -> None:
        self._bounds, self._receive = bounds, receive
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._complete = False
        self.seen = 0

    async def __call__(self) -> Message:
        """The next message. Raises BodyTooLarge, RequestTimeout and Overloaded."""
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(self._patience()):
                message = await self._receive()
        except TimeoutError:
            self._complete = True  # what comes is only dropped
            REFUSED.labels("slow").inc()
            raise RequestTimeout(
                f"After {self.seen} bytes the body came too slowly; send it faster, or a smaller one."
            ) from None
        self._complete = not message.get("more_body", False)
        self._count(len(message.get("body", b"")))
        return message

    def _patience(self) -> float:
        due = self._started + self._bounds.seconds + self.seen / FLOOR
        return max(0.0, min(self._bounds.seconds / 2, due - self._clock()))

    def _count(self, size: int) -> None:
        complete, self._complete = self._complete, True  # after a refusal the rest is dropped
        if self.seen + size > self._bounds.limit:
            raise self._bounds.too_large()
        if not self._bounds.fits(size, self.seen):
            raise self._bounds.no_room(size)
        self._complete = complete
        self.seen += size
        self._bounds.hold(size)
