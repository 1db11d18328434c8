"""Ten times the load the service can bear, then a bearable one: figures and bars.

`python -m tests.benchmarks.overload [--seconds 60]`. The load is an open loop from a process of its
own, over loopback; latencies count from when a request was due. First with a recognizer of 100 ms,
then with the starter bundle. Ends with one line of figures; exit status 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.bars import Bar, line
from tests.bench.load import Load, Outcome, run
from tests.bench.samples import OK, REFUSED, Percentiles, Sample, rate
from tests.bench.served import megabytes
from tests.bench.workload import write
from tests.service.serving import ADAFACE, Server

CLIENTS, WARM, CALM = 16, 2.0, 8.0
STUB = (sys.executable, "-m", "tests.benchmarks.stub")
SERVE = (*ADAFACE, "serve")


class Case(NamedTuple):
    """A server, what is asked of it, and what it owes.

    The starter's load generator shares the cores with what it measures, so it owes less goodput
    than a network that only waits.
    """

    name: str
    program: Sequence[str]
    path: str
    bodies: list[Path]
    goodput: float  # of the capacity
    p99: float  # milliseconds of an accepted request

    def bar(
        self,
        what: str,
        value: float,
        bound: float,
        direction: Literal["at least", "at most"] = "at most",
    ) -> Bar:
        """Milliseconds, seconds and shares go without their unit."""
        name = f"{self.name}:{what}"
        return Bar(name=name, promise=what, value=value, bound=bound, direction=direction)


def capacity(url: str, path: str, bodies: list[Path], seconds: float) -> float:
    """Answers a second to 16 clients, each asking again as soon as it is answered."""
    load = Load(url=url, path=path, bodies=bodies, clients=CLIENTS, seconds=WARM + seconds)
    return rate(run(load).samples, WARM, WARM + seconds)


def overloaded(url: str, path: str, bodies: list[Path], bearable: float, seconds: float) -> Outcome:
    """Ten times the capacity for `seconds`, then 0.7 of it; /livez is asked all the time."""
    phases = [(10 * bearable, seconds), (0.7 * bearable, CALM)]
    return run(
        Load(url=url, path=path, bodies=bodies, phases=phases, probe="/livez", probe_every=0.05)
    )


def recovered(samples: Sequence[Sample], end: float, usual: float) -> float:
    """Seconds after the overload until nothing is refused and everything is as fast as `usual`."""
    calm = [s for s in samples if s.due >= end]
    slow = [s.due - end for s in calm if s.status != OK or s.latency > usual]
    return max(slow, default=0.0)


def bars(case: Case, bearable: float, outcome: Outcome, seconds: float) -> list[Bar]:
    """What was promised of an overload, and what became of it."""
    hot = [s for s in outcome.samples if s.due < seconds]
    accepted = [s for s in hot if s.status == OK]
    refused = [s for s in hot if s.status == REFUSED]
    told = sum(s.retry_after for s in refused) / max(1, len(refused))
    alive = [s for s in outcome.probes if s.status == OK]
    return [
        case.bar("goodput", rate(hot, 1, seconds) / bearable, case.goodput, "at least"),
        case.bar("accepted-p99", Percentiles.of([s.latency for s in accepted]).p99, case.p99),
        case.bar("refused-p99", Percentiles.of([s.service for s in refused]).p99, 50),
        case.bar("with-retry-after", told, 1, "at least"),
        case.bar("neither", len(hot) - len(accepted) - len(refused), 0),
        case.bar("livez-p99", Percentiles.of([s.service for s in alive]).p99, 50),
        case.bar("livez-failed", len(outcome.probes) - len(alive), 0),
        case.bar("normal-after", recovered(outcome.samples, seconds, case.p99), 2),
    ]


def measure(scratch: Path, case: Case, seconds: float) -> list[Bar]:
    """Capacity, then overload, of one server."""
    running = Server(
        scratch / f"{case.name}.log", program=case.program, data_dir=scratch / case.name
    )
    url = str(running.client.base_url).rstrip("/")
    try:
        bearable = capacity(url, case.path, case.bodies, min(10, seconds))
        before = megabytes(running)
        outcome = overloaded(url, case.path, case.bodies, bearable, seconds)
        grown = megabytes(running, "VmHWM") - before
    finally:
        status = running.stop()
    print(f"{case.name}: capacity {bearable:.1f}/s, the generator worked {outcome.worked:.1f} s")
    found = bars(case, bearable, outcome, seconds)
    return [*found, case.bar("megabytes", grown, 100), case.bar("exit", status, 0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of overload")
    parser.add_argument("--only", choices=("stub", "starter"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        sent = write(scratch / "photographs")
        cases = (
            Case("stub", STUB, "/embed?aligned=true", sent.crops, 0.9, 1000),
            Case("starter", SERVE, "/embed", [sent.portrait.path], 0.7, 2000),
        )
        found = [
            bar
            for case in cases
            if options.only in (None, case.name)
            for bar in measure(scratch, case, options.seconds)
        ]
    print(line(found).replace("bench:", "overload:"))
    sys.exit(any(bar.verdict == "missed" for bar in found))


if __name__ == "__main__":
    main()
