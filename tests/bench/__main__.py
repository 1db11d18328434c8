"""How fast the service is, and how near the machine's limit: `make bench`.

Starts the real service, writes docs/benchmarks.md and ends with one line of figures; the exit
status is 1 where one misses its bar.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console

from service.settings import STARTER
from tests.bench import commands, curve, engine, machine, page, plots, throughput
from tests.bench.bare import bare
from tests.bench.bars import line
from tests.bench.load import ROOT
from tests.bench.plan import FULL, QUICK, Plan
from tests.bench.results import Memory, Results
from tests.bench.served import PATIENT, capacity, check, megabytes, serving
from tests.bench.throughput import SERVICE, USUAL, Contest, EqualLoad
from tests.bench.turns import median_of
from tests.bench.usual import usual
from tests.bench.workload import Workload, write

console = Console(stderr=True, highlight=False)
COMFORT = 1.5  # as usual again: no slower than this times the p99 at half load


def main(
    quick: Annotated[bool, typer.Option(help="Two minutes; figures nobody should quote.")] = False,
    again: Annotated[bool, typer.Option(help="Only write the page anew, of the results.")] = False,
    out: Annotated[Path, typer.Option(help="Where the page and its plots go.")] = ROOT / "docs",
) -> None:
    """Measures, writes the page, prints the figures."""
    kept = out / page.PLOTS / "results.json"
    if again:
        found = Results.model_validate_json(kept.read_text())
    else:
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            found = _measured(Path(scratch), QUICK if quick else FULL, quick=quick)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(found.model_dump_json(indent=1) + "\n")
    plots.write(kept.parent, [*found.curve, found.overload.point], found.capacity)
    (out / "benchmarks.md").write_text(page.page(found))
    print(line(found.bars))  # noqa: T201 - the result
    raise typer.Exit(any(bar.verdict == "missed" for bar in found.bars))


def _measured(scratch: Path, plan: Plan, *, quick: bool) -> Results:
    started, described = time.monotonic(), machine.described()
    workload = write(scratch / "photographs")
    contests, equal = _compared(workload, scratch, plan)
    full, points, overload, memory = _loaded(workload, scratch, plan)
    fast, reason = _engine(workload, scratch, plan)
    return Results(
        machine=described,
        quick=quick,
        contests=contests,
        equal=equal,
        capacity=full,
        curve=points,
        overload=overload,
        memory=memory,
        engine=fast,
        without_engine=reason,
        commands=_programs(quick=quick),
        minutes=(time.monotonic() - started) / 60,
    )


def _compared(workload: Workload, scratch: Path, plan: Plan) -> tuple[list[Contest], EqualLoad]:
    """Service, bare loops and the usual server, on each photograph in turns."""
    with ExitStack() as stack:
        running = stack.enter_context(serving(scratch, "compared", **PATIENT))
        servers = {
            SERVICE: str(running.client.base_url),
            USUAL: stack.enter_context(usual(STARTER)),
        }
        threads = len(os.sched_getaffinity(0))
        wide, narrow = (stack.enter_context(bare(STARTER, width)) for width in (threads, 1))
        contests = []
        kinds = (workload.portrait, workload.group, workload.phone)
        for photograph in kinds[: plan.photographs]:
            for url in servers.values():
                check(url, photograph, running)
            console.print(f"contest: {photograph.description}")
            contests.append(throughput.contest(photograph, servers, (wide, narrow), plan))
            console.print(str(contests[-1].rounds), markup=False)
        offered = throughput.EQUAL * median_of(contests[0].rounds, USUAL)
        console.print(f"equal load: {offered:.1f}/s")
        return contests, throughput.equal_load(workload.portrait, servers, offered, plan)


def _loaded(
    workload: Workload, scratch: Path, plan: Plan
) -> tuple[float, list[curve.Point], curve.Overload, Memory]:
    """The capacity, the curve, the overload and the memory of a service with the defaults."""
    photograph = workload.portrait
    with serving(scratch, "patient", **PATIENT) as patient:
        url = str(patient.client.base_url)
        check(url, photograph, patient)
        turns = plan.equal_rounds
        most = median(capacity(url, [photograph.path], plan.turn, plan.warm) for _ in range(turns))
    with serving(scratch, "loaded") as running:
        url, idle = str(running.client.base_url), megabytes(running)
        check(url, photograph, running)
        warm = megabytes(running)
        points = []
        for share in plan.shares:
            console.print(f"load: {100 * share:.0f} % of {most:.1f}/s")
            points.append(curve.measured(url, photograph, share, most, plan))
        usual_p99 = min(points, key=lambda each: abs(each.share - 0.5)).latency.p99
        console.print(f"load: {curve.OVERLOAD:.0f} times {most:.1f}/s")
        overload = curve.overloaded(url, photograph, most, COMFORT * usual_p99, plan)
        memory = Memory(
            started=idle, warm=warm, peak=megabytes(running, "VmHWM"), after=megabytes(running)
        )
        return most, points, overload, memory


def _engine(workload: Workload, scratch: Path, plan: Plan) -> tuple[engine.Engine | None, str]:
    console.print("IR-101")
    try:
        return engine.measured(workload, scratch, plan), ""
    except FileNotFoundError as error:
        return None, str(error)
    except RuntimeError as error:  # half an hour of other figures is not thrown away for it
        return None, f"{engine.FAILED}{error}"


def _programs(*, quick: bool) -> list[commands.Command]:
    found = []
    for name in commands.PROGRAMS:
        console.print(name)
        if (command := commands.run(name, quick=quick)) is not None:
            found.append(command)
    return found


if __name__ == "__main__":
    typer.run(main)
