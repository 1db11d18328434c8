"""Gives each request an id and times it."""

from __future__ import annotations

import re
import uuid
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.middleware.refusal import header
from service.telemetry import REQUESTS

SAFE_ID = re.compile(rb"^[A-Za-z0-9._:/+=-]{1,128}$")


class RequestId:
    """The caller's own id if it is safe to log, else a new one; told in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        given = header(scope, b"x-request-id")
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
