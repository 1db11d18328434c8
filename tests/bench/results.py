"""Everything a run found, kept as JSON beside the page that is made of it."""

from __future__ import annotations

from pydantic import BaseModel

from tests.bench.bars import Bar
from tests.bench.commands import Command
from tests.bench.curve import Overload, Point
from tests.bench.engine import FAILED, Engine
from tests.bench.machine import Machine
from tests.bench.throughput import Contest, EqualLoad

TIMED_OUT = 504  # an answer that says the deadline passed


class Memory(BaseModel):
    """Resident megabytes of the service: started, warm, at its peak, and after the load."""

    started: float
    warm: float
    peak: float
    after: float


class Results(BaseModel):
    """`engine` None was not measured, for the reason in `without_engine`."""

    machine: Machine
    quick: bool
    minutes: float
    contests: list[Contest]
    equal: EqualLoad
    capacity: float
    curve: list[Point]
    overload: Overload
    memory: Memory
    engine: Engine | None
    without_engine: str
    commands: list[Command]

    @property
    def bars(self) -> list[Bar]:
        return [*_serving(self), *_engine(self), *map(_status, self.commands)]


def _serving(found: Results) -> list[Bar]:
    portrait, overload = found.contests[0], found.overload.point
    return [
        Bar(
            name="efficiency",
            promise="`/embed` at 16 clients, of a bare loop over the same networks",
            value=portrait.efficiency(),
            bound=0.85,
        ),
        Bar(
            name="against-usual",
            promise="photographs of one face a second, times those of the usual server",
            value=portrait.advantage(),
            bound=1.5,
        ),
        Bar(
            name="p99-against-usual",
            promise="p99 of the usual server at equal load, times ours",
            value=found.equal.advantage(),
            bound=1,
        ),
        Bar(
            name="overload-goodput",
            promise="goodput at ten times the capacity, of the capacity",
            value=overload.goodput / found.capacity,
            bound=0.9,
        ),
        _most(
            "overload-p99", "p99 of what is answered meanwhile", overload.latency.p99, 3000, "ms"
        ),
        _most("overload-refusal", "slowest refusal", overload.refusal.worst, 50, "ms"),
        _most("overload-unmarked", "refusals without Retry-After", overload.without_retry_after, 0),
        _most("overload-lost", "requests neither answered nor refused", _lost(overload), 0),
        _most("overload-livez", "p99 of /livez under the overload", overload.livez.p99, 50, "ms"),
        _most("recovery", "until answers are as usual again", found.overload.recovery, 2, "s"),
    ]


def _most(name: str, promise: str, value: float, bound: float, unit: str = "") -> Bar:
    return Bar(name=name, promise=promise, value=value, bound=bound, unit=unit, direction="at most")


def _lost(point: Point) -> int:
    return sum(count for status, count in point.others.items() if status != TIMED_OUT)


def _status(command: Command) -> Bar:
    return _most(command.name, f"{command.promise}: exit status", command.status, 0)


def _engine(found: Results) -> list[Bar]:
    engine, note = found.engine, found.without_engine
    unknown = float("nan") if note.startswith(FAILED) else None  # which is missed, and which not
    efficiency = unknown if engine is None else engine.efficiency.efficiency()
    speedup = unknown if engine is None else engine.speedup(engine.photographs)
    return [
        Bar(
            name="ir101-efficiency",
            promise="IR-101 at 16 clients, of a bare loop over the same networks",
            value=efficiency,
            bound=0.95,
            note=note,
        ),
        Bar(
            name="ir101-speedup",
            promise="IR-101 faces a second, times those of bare ONNX Runtime",
            value=speedup,
            bound=1.4,
            note=note,
        ),
        Bar(
            name="ir101-cosine",
            promise="lowest cosine to ONNX Runtime's embeddings",
            value=unknown if engine is None else engine.cosine,
            bound=0.99999,
            note=note,
        ),
    ]
