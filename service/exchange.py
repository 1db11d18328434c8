"""One request and its answer, as far as logs and metrics may know of it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

LEFT: Final = 499  # the status of a client that left before an answer
UNMATCHED: Final = "unmatched"  # the route of what was answered before any was looked for


@dataclass(slots=True)
class Exchange:
    """Nothing of what it shows, and nobody's name: an id, and what was counted on the way."""

    id: str
    status: int = LEFT
    faces: int = 0  # that were read
    key: str | None = None  # the id of the access key
    public: bool = False  # asks for what takes no key


_CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def begin(exchange: Exchange) -> None:
    """From now on `exchange` is the current one of this task, and of all that it starts.

    It is never taken back: a request has a task of its own, and what goes wrong at its very end
    still belongs to it.
    """
    _CURRENT.set(exchange)


def current() -> Exchange | None:
    """The exchange this is done for; None for what the service does of itself."""
    return _CURRENT.get()
