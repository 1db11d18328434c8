"""An HTTP/1.1 client that costs next to nothing, for it shares the machine with what it measures."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple, cast

import httptools

IDLE: Final = 2.0  # seconds; uvicorn closes a connection that was idle for 5
PATIENCE: Final = 300.0  # seconds; whoever is still waiting then was forgotten


class Answer(NamedTuple):
    """Status and headers (lower case); bodies are received and dropped."""

    status: int
    headers: dict[bytes, bytes]


class Connection(asyncio.Protocol):
    """One connection, one request at a time; the callbacks are httptools'."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._answer: asyncio.Future[Answer] | None = None
        self.usable = True
        self.since = 0.0  # when it became idle

    async def ask(self, request: bytes) -> Answer:
        """Sends whole `request` bytes; ConnectionError where the answer does not come whole."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.usable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"the connection was lost: {exc}"))

    def on_message_begin(self) -> None:
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_message_complete(self) -> None:
        self.usable = self.usable and self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), self._headers))


class Connections:
    """As many connections to `host`:`port` as there are requests at once; idle ones are reused."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[Connection] = []

    async def ask(self, request: bytes) -> Answer:
        """Raises OSError or TimeoutError where no answer came."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            connection = self._kept(loop.time()) or await self._opened()
            try:
                answer = await connection.ask(request)
            except BaseException:
                connection.close()
                raise
        if connection.usable:
            connection.since = loop.time()
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    def _kept(self, now: float) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and now - connection.since < IDLE:
                return connection
            connection.close()
        return None

    async def _opened(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, self._host, self._port)
        return connection


def request(path: str, body: bytes, media_type: str, host: str) -> bytes:
    """A whole POST, or a GET where there is no `body`, ready to be sent any number of times."""
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"Host: {host}"]
    if body:
        lines += [f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
