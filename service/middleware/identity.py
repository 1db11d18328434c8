"""Gives each request an id, times it, and tells the log, the metrics and the trace how it ended."""

from __future__ import annotations

import logging
import re
import uuid
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import logs, tracing
from service.errors import ServiceError
from service.exchange import LEFT, UNMATCHED, Exchange, begin
from service.middleware.refusal import header
from service.problems import response
from service.telemetry import REQUESTS

log = logging.getLogger("service")
SAFE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
# W3C Trace Context, 3.2: version, trace id, parent id, flags; neither id may be all zeros.
TRACEPARENT = re.compile(
    rb"(?!ff|00-.{53})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)


class RequestId:
    """The caller's own id if it is safe to log, else that of their trace, else a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        exchange, started = Exchange(identified(scope)), perf_counter()
        scope["request_id"] = exchange.id
        begin(exchange)
        with tracing.request(scope) as span:
            try:
                await self._answered(exchange, scope, receive, _tagged(send, exchange))
            finally:
                told = scope["method"], getattr(scope.get("route"), "path", UNMATCHED)
                spent = perf_counter() - started
                REQUESTS.labels(*told, str(exchange.status)).observe(spent)
                tracing.answered(span, *told, exchange.status)
                logs.tell(exchange, *told, spent)

    async def _answered(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """What fails unforeseen is logged with the request's id, and answered like any error."""
        try:
            await self.app(scope, receive, send)
        except Exception:
            if exchange.status != LEFT:
                raise  # uvicorn logs it and cuts the connection: half an answer is none
            log.exception("a request failed")
            hidden = ServiceError("Something went wrong inside the service; quote the request id.")
            await response(hidden, exchange.id)(scope, receive, send)


def identified(scope: Scope) -> str:
    """The id of a request: from `X-Request-ID`, or `traceparent`, or a new one of 32 hex digits."""
    given = header(scope, b"x-request-id")
    if given and SAFE_ID.fullmatch(given):
        return given.decode()
    parent = TRACEPARENT.fullmatch(header(scope, b"traceparent") or b"")
    return parent[1].decode() if parent else uuid.uuid4().hex


def _tagged(send: Send, exchange: Exchange) -> Send:
    """Puts the id into the answer, and notes its status."""
    tag = (b"x-request-id", exchange.id.encode())

    async def tagged(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            message["headers"] = [*message.get("headers", ()), tag]
        await send(message)

    return tagged
