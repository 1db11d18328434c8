"""Which gate a request goes through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from service.middleware.gate import Gate
from service.settings import Settings

BATCH: Final = "/batch"  # ends the paths whose lane is the bulk one if the request names none


class Gates:
    """One gate for photographs, one for those that nobody waits for, one for all the rest.

    The rest takes milliseconds and would make photographs look fast; the bulk lane gets what
    photographs leave of the machine and would make it look slow. A request in the bulk lane may
    wait for half of its deadline.
    """

    def __init__(self, settings: Settings, photographs: Sequence[BaseRoute]) -> None:
        most, self._routes = settings.max_requests, photographs
        self._photographs = Gate("photographs", target=settings.max_wait_seconds, most=most)
        self._bulk = Gate("bulk", target=settings.deadline_seconds / 2, most=most)
        self._others = Gate("others", target=math.inf, most=most)

    def __call__(self, scope: Scope) -> Gate:
        if not any(route.matches(scope)[0] is Match.FULL for route in self._routes):
            return self._others
        return self._bulk if _lane(scope) == "bulk" else self._photographs


def _lane(scope: Scope) -> str:
    query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
    named = query.get("lane")
    if named:
        return named[-1]
    return "bulk" if scope["path"].endswith(BATCH) else "interactive"
