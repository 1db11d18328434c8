"""Stops work whose client has gone, or whose body turned out not to be acceptable."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import ServiceError
from service.middleware.refusal import refuse
from service.telemetry import REFUSED


class CancelOnDisconnect:
    """Reads ahead of the application, so that a client that leaves is noticed while it works.

    What the layers outside say about a body is answered here and not raised in the
    application: FastAPI turns every error of reading JSON into a 400 of its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = asyncio.current_task()
        if scope["type"] != "http" or handler is None:
            return await self.app(scope, receive, send)
        listener = _Listener(receive, handler)

        async def answering(message: Message) -> None:
            listener.answered = True
            await send(message)

        listening = asyncio.create_task(listener.listen())
        try:
            return await self.app(scope, listener.inbox.get, answering)
        except asyncio.CancelledError:
            if not listening.done():  # cancelled by the server, or by the deadline
                raise
            handler.uncancel()
        finally:
            listening.cancel()
        if listener.refused is not None:
            return await refuse(listener.refused, scope, receive, send)
        return REFUSED.labels("disconnected").inc()


class _Listener:
    """Takes what the client sends, one message ahead of the application."""

    def __init__(self, receive: Receive, handler: asyncio.Task[object]) -> None:
        self._receive, self._handler = receive, handler
        self.inbox: asyncio.Queue[Message] = asyncio.Queue(maxsize=1)
        self.refused: ServiceError | None = None
        self.answered = False  # from then on the application only cleans up

    async def listen(self) -> None:
        try:
            while (message := await self._receive())["type"] != "http.disconnect":
                await self.inbox.put(message)
        except ServiceError as error:
            self.refused = error
        if not self.answered:
            self._handler.cancel()
