"""How the service's log reads: for people on a terminal, as JSON lines anywhere else.

A line may hold ids of requests and access keys, and of collections and persons where something is
wrong with them; never a name, an image, a number of a face, or the query of a request. What fails
unforeseen is written with its traceback, and says what its exception says.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import IO, Any, Final, Literal

import orjson

from service import tracing
from service.exchange import UNMATCHED, Exchange, current
from service.writer import Writer

Form = Literal["auto", "json", "text"]
access: Final = logging.getLogger("service.access")
# What everybody may ask for, what Prometheus asks every few seconds, and what is refused at the door,
# which one line in ten seconds sums up: neither strangers nor a flood may fill a log.
_METRICS: Final = "/metrics"
_REFUSED: Final = frozenset({(UNMATCHED, 401), (UNMATCHED, 503)})


def configure(level: str, form: Form, stream: IO[str] = sys.stdout) -> None:
    """Sends all log lines of the process to `stream`."""
    as_text = form == "text" or (form == "auto" and stream.isatty())
    handler = Writer(stream)
    handler.setFormatter(Text() if as_text else Json())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def tell(exchange: Exchange, method: str, route: str, seconds: float) -> None:
    """Writes the one line about a request that was answered, or left."""
    refused = (route, exchange.status) in _REFUSED
    quiet = exchange.public or refused or route == _METRICS
    level = logging.DEBUG if quiet else logging.INFO
    if not access.isEnabledFor(level):
        return
    fields = {
        "method": method,
        "route": route,
        "status": exchange.status,
        "ms": round(1000 * seconds, 1),
        "faces": exchange.faces,
        "key": exchange.key,
        "trace_id": tracing.trace_id(),
    }
    told = {name: value for name, value in fields.items() if value is not None}
    access.log(level, "%s %s %d", method, route, exchange.status, extra={"fields": told})


class Json(logging.Formatter):
    """A JSON object a line: `time`, `level`, `message`, of a request `request_id`; see `tell`."""

    def format(self, record: logging.LogRecord) -> str:
        """Never raises for a text that is no UTF-8."""
        exchange = current()
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": _sound(record.getMessage()),
        }
        if exchange is not None:
            document["request_id"] = exchange.id
        document |= getattr(record, "fields", {})
        if record.exc_info:
            document["exception"] = _sound(self.formatException(record.exc_info))
        return orjson.dumps(document, default=str).decode()


def _sound(text: str) -> str:
    """Text that JSON can hold: the name of a file need not be UTF-8."""
    return text.encode(errors="backslashreplace").decode()


class Text(logging.Formatter):
    """A line for people, with what else is known of a request at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        exchange = current()
        fields = dict(getattr(record, "fields", {}))
        for said in ("method", "route", "status"):
            fields.pop(said, None)
        known = fields if exchange is None else {**fields, "request_id": exchange.id}
        told = " ".join(f"{name}={value}" for name, value in known.items())
        return f"{super().formatMessage(record)} {told}".rstrip()
