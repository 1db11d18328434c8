"""Lets in as many requests as can be answered in a bearable time, from the rate that is measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic
from typing import Final

from service.errors import Overloaded

MEMORY: Final = 2.0  # busy seconds after which a measurement counts a third
BURST: Final = 8  # always let in: below that the rate is not known, or a closed loop would starve
UPLOADS: Final = 16  # requests whose bodies are on their way, in multiples of those in progress
LONGEST: Final = 30.0  # seconds; nobody believes a longer Retry-After


class Throughput:
    """What is done per second of the time in which there was work.

    What the machine can do, not what is asked of it: idle time does not count.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._at = clock, clock()
        self._answers = self._busy = 0.0
        self.working = 0

    def begin(self) -> None:
        self._advance()
        self.working += 1

    def end(self, amount: float) -> None:
        self._advance()
        self.working -= 1
        self._answers += amount

    @property
    def rate(self) -> float | None:
        """Amount per second; None before the first."""
        self._advance()
        return self._answers / self._busy if self._answers and self._busy else None

    def _advance(self) -> None:
        spent, self._at = self._clock() - self._at, self._clock()
        if self.working:
            kept = math.exp(-spent / MEMORY)
            self._answers *= kept
            self._busy = self._busy * kept + MEMORY * (1 - kept)


class Gate:
    """Bounds the requests in progress by the time the last of them would wait.

    By Little's law a request behind n others is answered after (n + 1) / rate seconds. Those
    whose bodies are still on their way count for `target` seconds: a client that is slower
    takes nobody's place, and is asked again for room once its body is there.
    """

    def __init__(
        self, name: str, *, target: float, most: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self.name, self._target, self._most, self._clock = name, target, most, clock
        self._flow = Throughput(clock)
        self._uploads: dict[Place, float] = {}  # by arrival
        self._promised = 0  # refused, and told to return

    @property
    def limit(self) -> int:
        """How many requests may be in progress now."""
        rate = self._flow.rate
        bearable = 0.0 if rate is None else self._target * rate
        return min(self._most, max(BURST, math.floor(min(bearable, self._most))))

    @property
    def working(self) -> int:
        """Requests whose bodies are there and whose answers are not."""
        return self._flow.working

    def enter(self) -> Place:
        """A place for a request whose headers are known. Raises Overloaded."""
        ahead = self._flow.working + self._expected()
        if ahead >= self.limit or len(self._uploads) >= UPLOADS * self._most:
            self._promised += 1
            raise Overloaded(self._turn(ahead))
        if ahead <= self.limit / 2:
            self._promised = 0  # there is room again, and they did not come
        place = Place(self)
        self._uploads[place] = self._clock()
        return place

    def begin(self, place: Place) -> None:
        """The body is there. Raises Overloaded for one that took long and finds no room."""
        since = self._uploads.pop(place)
        if self._clock() - since > self._target and self._flow.working >= self.limit:
            raise Overloaded(self._turn(self._flow.working))
        self._flow.begin()

    def end(self, *, served: bool) -> None:
        """Only what was served counts: a failure is fast, and says nothing about the rate."""
        self._flow.end(1.0 if served else 0.0)

    def withdraw(self, place: Place) -> None:
        """The request ended before its body was there."""
        self._uploads.pop(place, None)

    def _expected(self) -> int:
        count, oldest = 0, self._clock() - self._target
        for since in reversed(self._uploads.values()):
            if since < oldest:
                break
            count += 1
        return count

    def _turn(self, ahead: int) -> float:
        """Seconds until a request refused now would be served, if all refused before return."""
        rate = self._flow.rate
        return LONGEST if rate is None else min(LONGEST, (ahead + self._promised) / rate)


class Place:
    """One request's place behind a gate: taken, working, left."""

    def __init__(self, gate: Gate) -> None:
        self._gate, self._working, self._left = gate, False, False

    def work(self) -> None:
        """The body is there. Raises Overloaded."""
        if self._working or self._left:
            return
        try:
            self._gate.begin(self)
        except Overloaded:
            self._left = True
            raise
        self._working = True

    def leave(self, *, served: bool) -> None:
        """Gives the place back; further calls do nothing."""
        if self._left:
            return
        self._left = True
        if self._working:
            self._gate.end(served=served)
        else:
            self._gate.withdraw(self)
