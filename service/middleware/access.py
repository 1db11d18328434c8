"""Asks for an access key, by the headers alone, before anybody's body is read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from service.access import Access
from service.errors import Forbidden, Unauthenticated
from service.exchange import current
from service.middleware.refusal import Refusals, header, refuse
from service.telemetry import REFUSED

log = logging.getLogger("service")
DISCARDED: Final = 65_536  # bytes of a stranger's body that are read and dropped
_BEARER: Final = b"bearer "


class AccessKeys:
    """401 without a key that works, 403 without a scope that the operation needs.

    `needed` tells the scopes of a request, one of which suffices; None where no key is needed.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        needed: Callable[[Scope], Collection[str] | None],
    ) -> None:
        self.app, self._access, self._needed = app, access, needed
        self._refusals = Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        exchange = current()
        if (needed := self._needed(scope)) is None:
            if exchange is not None:
                exchange.public = True
            return await self.app(scope, receive, send)
        token = presented(scope)
        try:
            key = self._access.admit(token, needed)
        except (Unauthenticated, Forbidden) as error:
            REFUSED.labels(error.slug()).inc()
            self._tell(error, scope, token)
            return await refuse(error, scope, receive, send, discard=DISCARDED)
        if exchange is not None:
            exchange.key = key
        return await self.app(scope, receive, send)

    def _tell(self, error: Exception, scope: Scope, token: str | None) -> None:
        """One line about all refusals since the last; the token itself is never written."""
        if not (count := self._refusals.due()):
            return
        where, key = (scope.get("client") or ("unknown",))[0], self._access.known(token)
        log.warning(
            "%d refused for their access keys, the last from %s with %s: %s",
            count,
            where,
            f"key {key}" if key else "an unknown key" if token else "no key",
            type(error).__name__,
        )


def presented(scope: Scope) -> str | None:
    """The access key in the headers of a request."""
    given = header(scope, b"x-api-key")
    if given is None:
        authorization = header(scope, b"authorization") or b""
        if authorization[: len(_BEARER)].lower() == _BEARER:
            given = authorization[len(_BEARER) :].strip()
    return given.decode("latin-1") if given else None
