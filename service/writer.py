"""Writes the log from a thread of its own, so that nobody who reads it can stop the service."""

from __future__ import annotations

import atexit
import logging
from queue import Full, Queue
from threading import Thread
from typing import IO, Final

CAPACITY: Final = 10_000  # lines that wait for a slow reader
PATIENCE: Final = 1.0  # seconds that the end waits for what is left


class Writer(logging.Handler):
    """Hands lines to a thread; those for which there is no room are dropped, and counted.

    A pipe that nobody reads took 321 lines, and then the event loop waited with the next one. A
    stream that is closed ends the writing, not the service.
    """

    def __init__(self, stream: IO[str]) -> None:
        super().__init__()
        self._stream, self._dropped = stream, 0
        self._lines: Queue[str | None] = Queue(CAPACITY)
        self._thread = Thread(target=self._write, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def emit(self, record: logging.LogRecord) -> None:
        """Formats here, where the request is known."""
        try:
            self._lines.put_nowait(self.format(record))
        except Full:
            self._dropped += 1
        except Exception:  # noqa: BLE001 - logging's own way: a bad line must not end a request
            self.handleError(record)

    def close(self) -> None:
        """Writes what is left, unless its reader stalls."""
        atexit.unregister(self.close)
        try:
            self._lines.put(None, timeout=PATIENCE)
            self._thread.join(PATIENCE)
        except Full:
            pass
        super().close()

    def _write(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                self._stream.write(f"{line}\n{self._missing()}")
                if self._lines.empty():
                    self._stream.flush()
        except (OSError, ValueError):  # a broken pipe, a closed file: the rest finds the queue full
            return

    def _missing(self) -> str:
        """The line that says how many are not there; none where all are."""
        count, self._dropped = self._dropped, 0
        if not count:
            return ""
        told = {
            "msg": "%d lines of this log were dropped, its reader is too slow",
            "args": (count,),
        }
        record = logging.makeLogRecord({**told, "levelname": "WARNING", "levelno": logging.WARNING})
        return f"{self.format(record)}\n"
