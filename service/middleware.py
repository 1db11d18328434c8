"""ASGI middleware, pure ASGI only: `BaseHTTPMiddleware` hides disconnects from everything inside it."""

from __future__ import annotations

import asyncio
import re
import uuid
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLarge, Overloaded, ServiceError
from service.problems import response
from service.telemetry import ACTIVE, REFUSED, REQUESTS

SAFE_ID = re.compile(rb"^[A-Za-z0-9._:/+=-]{1,128}$")
PROBES = frozenset({"/livez", "/readyz", "/metrics"})


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)


class RequestId:
    """Gives each request an id, the caller's own if it is safe to log, and times it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        given = _header(scope, b"x-request-id")
        safe = given if given and SAFE_ID.match(given) else uuid.uuid4().hex.encode()
        scope["request_id"] = safe.decode()
        status, started = "499", perf_counter()  # 499: the client left before an answer

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", safe)]
            await send(message)

        try:
            await self.app(scope, receive, tagged)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            REQUESTS.labels(scope["method"], route, status).observe(perf_counter() - started)


class Admission:
    """Refuses at the door what could not be served soon; probes are always let in."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self.app, self._limit, self._active = app, limit, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            return await self.app(scope, receive, send)
        if self._active >= self._limit:
            REFUSED.labels("overloaded").inc()
            return await _refuse(Overloaded(1.0), scope, receive, send)
        self._active += 1
        ACTIVE.set(self._active)
        try:
            await self.app(scope, receive, send)
        finally:
            self._active -= 1
            ACTIVE.set(self._active)


class BodyLimit:
    """Refuses a body that is announced as, or turns out to be, too large."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self.app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        announced = _header(scope, b"content-length") or b"0"
        if announced.isdigit() and int(announced) > self._limit:
            return await _refuse(self._too_large(), scope, receive, send)
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise self._too_large()
            return message

        return await self.app(scope, counted, send)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body exceeds {self._limit} bytes; send a smaller image.")


class CancelOnDisconnect:
    """Stops work whose client has gone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = asyncio.current_task()
        if scope["type"] != "http" or handler is None:
            return await self.app(scope, receive, send)
        inbox: asyncio.Queue[Message | ServiceError] = asyncio.Queue(maxsize=1)

        async def listen() -> None:
            try:
                while (message := await receive())["type"] != "http.disconnect":
                    await inbox.put(message)
            except ServiceError as error:  # the body limit speaks to the reader, not to us
                await inbox.put(error)
                return
            handler.cancel()

        async def deliver() -> Message:
            message = await inbox.get()
            if isinstance(message, ServiceError):
                raise message
            return message

        listener = asyncio.create_task(listen())
        try:
            await self.app(scope, deliver, send)
        except asyncio.CancelledError:
            if not listener.done():  # cancelled by the server, not by the client leaving
                raise
            handler.uncancel()
        finally:
            listener.cancel()


async def _refuse(error: ServiceError, scope: Scope, receive: Receive, send: Send) -> None:
    answer = response(error, scope.get("request_id", ""))
    await answer(scope, receive, send)
