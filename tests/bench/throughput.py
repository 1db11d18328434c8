"""The service against a bare loop and against the usual server: same files, same minutes."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from tests.bench.bare import Bare, Turn
from tests.bench.load import Load, run
from tests.bench.plan import Plan
from tests.bench.samples import OK, Percentiles
from tests.bench.served import capacity
from tests.bench.turns import Rounds, alternated, best, ratio
from tests.bench.workload import Photograph

SERVICE, USUAL, WIDE, NARROW = "service", "usual", "bare, one caller", "bare, a caller per core"
EQUAL = 0.7  # of what the slower one can do


class Contest(BaseModel):
    """Images a second, round by round."""

    photograph: str
    rounds: Rounds

    @property
    def ceiling(self) -> str:
        """The faster of the two bare loops: whichever way a script's author would keep."""
        return best(self.rounds, WIDE, NARROW)

    def efficiency(self) -> float:
        return ratio(self.rounds, SERVICE, self.ceiling)

    def advantage(self) -> float:
        return ratio(self.rounds, SERVICE, USUAL)


def contest(
    photograph: Photograph,
    servers: dict[str, str],
    loops: tuple[Bare, Bare],
    plan: Plan,
) -> Contest:
    """`servers` by name, and the bare loops: one wide session, and one session a core."""
    turns = bare_turns([photograph.path], loops, plan.turn)
    for name, url in servers.items():
        turns[name] = partial(capacity, url, [photograph.path], plan.turn, plan.warm)
    return Contest(photograph=photograph.description, rounds=alternated(turns, plan.rounds))


def bare_turns(
    files: list[Path], loops: tuple[Bare, Bare], seconds: float, *, batch: int = 0
) -> dict[str, Callable[[], float]]:
    """The turns of both loops over photographs, or over aligned crops where `batch` is given."""
    wide, narrow = loops
    turn = Turn(files=files, seconds=seconds, callers=1, aligned=batch > 0, batch=batch or 1)
    crowd = turn.model_copy(update={"callers": len(os.sched_getaffinity(0))})
    return {WIDE: lambda: wide(turn).rate, NARROW: lambda: narrow(crowd).rate}


class EqualLoad(BaseModel):
    """Both servers at the same arrivals, `offered` a second; milliseconds, round by round."""

    offered: float
    latency: dict[str, list[Percentiles]]

    def p99(self, name: str) -> list[float]:
        return [each.p99 for each in self.latency[name]]

    def advantage(self) -> float:
        """How many times lower the service's p99 is: the median over the rounds."""
        return ratio({name: self.p99(name) for name in self.latency}, USUAL, SERVICE)


def equal_load(
    photograph: Photograph, servers: dict[str, str], offered: float, plan: Plan
) -> EqualLoad:
    """Each round gives both servers the very same arrivals, and every round others."""
    found: dict[str, list[Percentiles]] = {name: [] for name in servers}

    def turn(name: str) -> float:
        seed, seconds = len(found[name]), plan.warm + plan.equal
        load = Load(
            url=servers[name], bodies=[photograph.path], phases=[(offered, seconds)], seed=seed
        )
        samples = [s for s in run(load).samples if s.due >= plan.warm]
        if bad := {s.status for s in samples} - {OK}:
            raise RuntimeError(f"{name} answered {sorted(bad)} at {offered:.1f} a second")
        found[name].append(Percentiles.of([s.latency for s in samples]))
        return found[name][-1].p99

    alternated({name: partial(turn, name) for name in servers}, plan.equal_rounds)
    return EqualLoad(offered=offered, latency=found)
