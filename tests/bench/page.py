"""`docs/benchmarks.md`, made of the results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from tests.bench.bars import Bar, number
from tests.bench.commands import Command
from tests.bench.curve import Point
from tests.bench.engine import FEW, Engine
from tests.bench.machine import Machine
from tests.bench.results import Results
from tests.bench.throughput import SERVICE, USUAL, Contest, EqualLoad
from tests.bench.turns import Rounds

PLOTS = "benchmarks"  # beside the page


def page(found: Results) -> str:
    """The whole page as Markdown."""
    return "\n".join(
        [
            *_head(found),
            *_bars(found.bars),
            *_curve(found),
            *_contests(found.contests, found.equal),
            *_engine(found.engine, found.without_engine),
            *_memory(found),
            *_commands(found.commands),
            GPU,
            METHOD,
        ]
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A Markdown table; floats are rounded, the first column is left-aligned."""
    yield _row(head)
    yield _row(["---", *["--:"] * (len(head) - 1)])
    for row in rows:
        yield _row([number(each) if isinstance(each, float) else str(each) for each in row])
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(found: Results) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "<!-- Written by `make bench`; change tests/bench instead of this page. -->"
    yield ""
    if found.quick:
        yield "**From a `--quick` run: short turns, one to two minutes. Quote none of it.**"
        yield ""
    yield from _machine(found.machine, found.minutes)


def _machine(machine: Machine, minutes: float) -> Iterator[str]:
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    yield (
        f"Measured on {machine.date} in {minutes:.0f} minutes at commit `{machine.commit}`: "
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb:.0f} GB, {machine.system}; "
        f"Python {machine.python}, {packages}. The load average was {machine.load:.1f} before it "
        "began. `make bench` repeats all of it and ends with one line of figures."
    )
    yield ""


def _bars(bars: list[Bar]) -> Iterator[str]:
    yield "## What is promised"
    yield ""
    yield from table(
        ["promise", "bound", "measured", ""],
        [
            (
                bar.promise,
                f"{bar.direction} {number(bar.bound)} {bar.unit}".strip(),
                bar.note if bar.value is None else f"{number(bar.value)} {bar.unit}".strip(),
                bar.verdict,
            )
            for bar in bars
        ],
    )


def _curve(found: Results) -> Iterator[str]:
    points = [*found.curve, found.overload.point]
    yield "## Latency against offered load"
    yield ""
    yield (
        f"`/embed` with the starter bundle and {found.contests[0].photograph}, Poisson arrivals. "
        "Latency counts from the moment a request was due, so a wait behind a slow server is in "
        "it. The capacity is what 16 clients in a closed loop got just before: "
        f"{found.capacity:.1f} a second."
    )
    yield ""
    for name in ("latency", "goodput", "stages"):
        yield f"![{name} against offered load]({PLOTS}/{name}.svg)"
    yield ""
    yield from table(
        ["load", "offered/s", "goodput/s", "p50 ms", "p95 ms", "p99 ms", "refused",
         "refusal p99 ms", "/livez p99 ms", "generator late p99 ms", "generator, of a core"],
        [_loaded(point) for point in points],
    )  # fmt: skip
    yield from _stages(points)
    yield (
        f"After {number(found.overload.point.share)} times the capacity, answers were as usual "
        f"again within {found.overload.recovery:.1f} s."
    )
    yield ""


def _loaded(point: Point) -> Sequence[object]:
    all_ = max(1, point.answered + point.refused + sum(point.others.values()))
    return (
        f"{100 * point.share:.0f} %",
        point.offered,
        point.goodput,
        point.latency.p50,
        point.latency.p95,
        point.latency.p99,
        f"{100 * point.refused / all_:.1f} %",
        point.refusal.p99 if point.refused else "",
        point.livez.p99,
        point.late,
        f"{100 * point.generator:.0f} %",
    )


def _stages(points: Sequence[Point]) -> Iterator[str]:
    names = list(dict.fromkeys(name for point in points for name in point.stages))
    yield "Where the time goes, by `Server-Timing`: the median milliseconds of each stage, its wait"
    yield "for a thread or a batch included."
    yield ""
    yield from table(
        ["load", *names],
        [
            (f"{100 * p.share:.0f} %", *(p.stages.get(name, float("nan")) for name in names))
            for p in points
        ],
    )


def _contests(contests: list[Contest], equal: EqualLoad) -> Iterator[str]:
    yield "## Against the bare networks, and against the usual way"
    yield ""
    yield (
        "Images a second at 16 clients, medians of rounds in which everybody had a turn. The bare "
        "loop decodes, detects, aligns and embeds with the same code and networks in one process, "
        "with no server, in ONNX Runtime as it comes: the service's own rewriting of graphs is left "
        "out. The faster of its two forms counts. The usual way is insightface's "
        "`FaceAnalysis` loop behind FastAPI with its thread pool (`tests/bench/usual.py`), over "
        "the same ONNX files."
    )
    yield ""
    names = list(contests[0].rounds)
    yield from table(
        ["photograph", *names, "of the bare loop", "times the usual"],
        [
            (
                each.photograph,
                *(median(each.rounds[name]) for name in names),
                f"{100 * each.efficiency():.0f} %",
                each.advantage(),
            )
            for each in contests
        ],
    )
    yield f"Both servers under the same {equal.offered:.1f} arrivals a second:"
    yield ""
    yield from table(
        ["", "p50 ms", "p95 ms", "p99 ms"],
        [
            (name, *(median(getattr(each, q) for each in equal.latency[name]) for q in QUANTILES))
            for name in (SERVICE, USUAL)
        ],
    )


QUANTILES = ("p50", "p95", "p99")


def _engine(engine: Engine | None, reason: str) -> Iterator[str]:
    yield "## IR-101 on a CPU"
    yield ""
    if engine is None:
        yield f"Not measured: {reason}."
        yield ""
        return
    yield (
        "Random weights, whose speed is that of any others. Faces a second at 16 clients, at "
        f"{FEW} for photographs of six; bare "
        "ONNX Runtime is fp32 with all optimizations, its best batch and threads. The service's "
        f"engine is {engine.name}; the lowest cosine between its embeddings and ONNX Runtime's is "
        f"{number(engine.cosine)}."
    )
    yield ""
    yield from _speeds(engine)
    held = ", ".join(f"{name} {size:.0f} MB" for name, size in engine.memory.items())
    yield f"Resident memory by engine: {held}."
    yield ""


def _speeds(engine: Engine) -> Iterator[str]:
    rows: list[tuple[str, Rounds]] = [
        ("one face, end to end, ONNX Runtime in both", engine.efficiency.rounds),
        ("six faces, end to end", engine.photographs),
        ("aligned crops", engine.crops),
    ]
    names = list(engine.crops)
    yield from table(
        ["work", *names, "times bare"],
        [
            (work, *(median(reached[name]) for name in names), engine.speedup(reached))
            for work, reached in rows
        ],
    )


def _memory(found: Results) -> Iterator[str]:
    held = found.memory
    yield "## Memory"
    yield ""
    yield (
        f"Resident: {held.started:.0f} MB when it started, {held.warm:.0f} MB after the first "
        f"requests, at most {held.peak:.0f} MB during the loads above, {held.after:.0f} MB after "
        "them."
    )
    yield ""


def _commands(commands: list[Command]) -> Iterator[str]:
    for command in commands:
        verdict = "holds" if command.status == 0 else "missed"
        yield f"**{command.promise}** (`python -m {command.module}`): {verdict}."
        yield ""
        yield "```text"
        yield command.last
        yield "```"
        yield ""


GPU = """\
## On a GPU

Not measured yet: no GPU was within reach of a run. On a machine with one, in an environment with
`onnxruntime-gpu` in place of `onnxruntime` (both at once fall back to the CPU in silence; the
service refuses to start then), and with `BUNDLE` an IR-101 exported in fp16:

```sh
python -m tests.bench.gpu $BUNDLE --provider cuda --peak 989        # an H100's dense TFLOP/s
python -m tests.bench.gpu $BUNDLE --provider tensorrt --peak 989
FACE_BUNDLE=$BUNDLE FACE_PROVIDER=tensorrt adaface serve            # then load it from elsewhere
nvidia-smi dmon -s u                                                # its utilization meanwhile
```
"""
METHOD = """\
## How it is measured

- The load generator is a process of its own (asyncio and httptools, requests prepared, bodies of
  answers dropped) on the same cores as the service, at the same priority: what it takes, the
  service lacks. The table says how much that was, and how late it was itself. Latencies include
  its lateness.
- In the open loop requests leave when they are due, whatever became of the ones before, over as
  many connections as it takes; one that never gets an answer is counted as lost.
- Percentiles are values that were measured, not interpolated. Ratios are medians over rounds of
  the ratio within a round; who begins changes from round to round.
- Where the service is compared, it runs with `FACE_MAX_WAIT_SECONDS=600`, since nobody it is
  compared with refuses anybody. Everything under "Latency against offered load" is taken with the
  defaults, by which a request that would wait too long is refused at the door.
"""
