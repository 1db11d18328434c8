"""uvicorn's HTTP connection, with the limits it lacks: slow headers, long headers, slow readers."""

from __future__ import annotations

from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.problems import MEDIA_TYPE, Problem

HEADER_BYTES: Final = 65_536  # llhttp itself has no limit
READ_BYTES: Final = 100_000  # that much of an answer has to be taken at once, or all there is


class Connection(HttpToolsProtocol):
    """One client's connection. `sweep` has to be called about every second."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience = self.app_state["service"].settings.client_seconds / 2
        self._waiting_since: float | None = self.loop.time()  # for a request's headers
        self._header_bytes, self._within = 0, False  # within: between headers and body's end
        self._unread, self._unread_since = 0, 0.0

    @property
    def used(self) -> bool:
        """Whether a request ever came."""
        return self.cycle is not None

    @property
    def idle(self) -> bool:
        """Whether no request is in progress."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting_since is not None and not self._within
        if self.idle:  # the rest of a refused body, or empty lines, which begin no message
            self._waiting_since = self._waiting_since or self.loop.time()
        super().data_received(data)
        if self._waiting_since is None or self._within or self.transport.is_closing():
            return
        self._header_bytes += len(data) if waiting else 1  # the first piece may hold a body's end
        if self._header_bytes > HEADER_BYTES:
            self._end(431, "headers-too-large", f"The headers exceed {HEADER_BYTES} bytes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._waiting_since = self._waiting_since or self.loop.time()

    def on_headers_complete(self) -> None:
        self._waiting_since, self._header_bytes, self._within = None, 0, True
        super().on_headers_complete()
        if self.app_state["health"].draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._waiting_since, self._within = None, False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._end(400, "bad-request", msg)

    def sweep(self, now: float) -> None:
        """Ends what is too slow at `now`, in seconds of the event loop's clock."""
        since = self._waiting_since
        if self.idle and since is not None and now - since > self._patience:
            self._late()
        left = self.transport.get_write_buffer_size()
        if left == 0 or left <= self._unread - READ_BYTES or self._unread == 0:
            self._unread, self._unread_since = left, now
        elif now - self._unread_since > self._patience:
            self.transport.abort()

    def _late(self) -> None:
        self._waiting_since = None
        if self._header_bytes:
            self._end(408, "request-timeout", f"No headers within {self._patience:g} s.")
        else:  # browsers connect ahead of need; a 408 would answer their next request
            self.transport.close()

    def _end(self, status: int, slug: str, detail: str) -> None:
        document = Problem(
            type=f"urn:problem:{slug}",
            title=detail,
            status=status,
            detail=detail,
            request_id="",
        )
        body = orjson.dumps(document.model_dump())
        head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()
