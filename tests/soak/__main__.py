"""`python -m tests.soak [--minutes 60]`: 80 % of capacity, and what the service holds meanwhile.

Mixed sizes, 5 % bad input, 2 % clients that leave, people who come and go. Ends with one line of
figures; exit status 1 where a bar is missed. Slopes are judged from 20 minutes on: before, the
allocator's last steps look like growth.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bench.bars import Bar
from tests.bench.samples import Percentiles
from tests.service.serving import Server
from tests.soak.residue import Holding, holding, slope, watch
from tests.soak.traffic import Traffic

SHARE, CLIENTS, WARM = 0.8, 6, 1 / 6  # the first sixth is warm-up: 10 minutes of an hour
JUDGED = 20.0  # minutes
REST = 12.0  # seconds in which the service closes the connections that clients keep; see `_rested`


def bars(kept: list[Holding], traffic: Traffic, minutes: float, status: int) -> list[Bar]:
    """What was promised of an hour, and what became of it.

    The first and the last of `kept` were taken at rest.
    """
    before, after = kept[0], kept[-1]
    judged = minutes >= JUDGED
    memory = slope(kept[round(WARM * len(kept)) : -1], "megabytes")
    broken = sum(n for kind, n in traffic.statuses.items() if kind.endswith(" 0"))
    failed = sum(n for kind, n in traffic.statuses.items() if kind.endswith((" 500", " 504")))
    return [
        Bar(
            name="memory-slope",
            promise="resident memory grows by at most 5 MB an hour (Theil-Sen)",
            value=memory if judged else None,
            bound=5,
            direction="at most",
            unit="MB/h",
            note=f"{memory:.1f} MB/h over {minutes:g} minutes",
        ),
        _at_most("threads", "threads at rest stay", after.threads - before.threads, 2),
        _at_most(
            "descriptors", "descriptors at rest stay", after.descriptors - before.descriptors, 2
        ),
        _at_most("broken", "no connection breaks", broken, 0),
        _at_most("failed", "no 500 and no 504", failed, 0),
        _at_most("later-p99", "no slower at the end", _slower(traffic), 1.1 if judged else 2),
        _at_most("exit", "exit status", status, 0),
    ]


def _at_most(name: str, promise: str, value: float, bound: float) -> Bar:
    return Bar(name=name, promise=promise, value=value, bound=bound, direction="at most")


def _slower(traffic: Traffic) -> float:
    """p99 of the last sixth over that of the first, warm-up left out."""
    ordered = [seconds for _, seconds in sorted(traffic.latencies)]
    sixth = max(1, len(ordered) // 6)
    early = Percentiles.of(ordered[sixth : 2 * sixth]).p99
    return Percentiles.of(ordered[-sixth:]).p99 / early


async def soak(running: Server, minutes: float, seed: int) -> tuple[Traffic, list[Holding]]:
    """Measures the capacity, then keeps up 80 % of it."""
    url, kept = running.client.base_url, []
    trial = Traffic(url.host, url.port or 80, seed)
    bearable = await trial.saturate(CLIENTS, min(20, 10 * minutes))
    print(f"soak: capacity {bearable:.1f}/s, seed {seed}")
    traffic = Traffic(url.host, url.port or 80, seed + 1)
    await asyncio.to_thread(running.client.delete, "/collections/default")
    await _rested(running)
    watcher = asyncio.create_task(watch(running.process.pid, max(0.5, minutes / 12), kept))
    await traffic.flow(SHARE * bearable, 60 * minutes)
    watcher.cancel()
    await _rested(running)
    return traffic, [*kept, holding(running.process.pid, 0)]


async def _rested(running: Server) -> None:
    """Waits until what is held is nobody's work any more.

    anyio ends threads that were idle for 10 s, but only when another one is asked for something.
    """
    await asyncio.sleep(REST)
    await asyncio.to_thread(running.client.get, "/models")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        running = Server(Path(directory) / "log", data_dir=Path(directory) / "data")
        try:
            traffic, kept = asyncio.run(soak(running, options.minutes, options.seed))
        finally:
            status = running.stop()
    found = bars(kept, traffic, options.minutes, status)
    for kind, count in sorted(traffic.statuses.items()):
        print(f"  {count:7} {kind}")
    tenths = [kept[n * (len(kept) - 1) // 10] for n in range(11)]
    print(f"  MB, from before to after: {', '.join(f'{each.megabytes:.0f}' for each in tenths)}")
    print(f"  threads: {', '.join(f'{each.threads:.0f}' for each in tenths)}")
    missed = [bar.name for bar in found if bar.verdict == "missed"]
    verdict = f"missed: {', '.join(missed)}" if missed else "every bar holds"
    figures = " ".join(
        f"{bar.figure()} {f'({bar.note})' if bar.note else ''}".strip() for bar in found
    )
    print(f"soak: {figures} {verdict}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
