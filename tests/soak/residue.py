"""What a process holds, sampled over time, and whether it grows."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

HOUR = 3600.0


class Holding(NamedTuple):
    """What the process held `seconds` after the start."""

    seconds: float
    megabytes: float
    threads: float
    descriptors: float


def holding(process: int, started: float) -> Holding:
    """What `process` holds now, by Linux's /proc."""
    root = Path(f"/proc/{process}")
    status = dict(
        line.split(":", 1) for line in (root / "status").read_text().splitlines() if ":" in line
    )
    return Holding(
        time.monotonic() - started,
        int(status["VmRSS"].split()[0]) * 1024 / 1e6,
        int(status["Threads"]),
        len(list((root / "fd").iterdir())),
    )


async def watch(process: int, every: float, kept: list[Holding]) -> None:
    """Appends to `kept` until it is cancelled."""
    started = time.monotonic()
    while True:
        kept.append(holding(process, started))
        await asyncio.sleep(every)


def slope(kept: list[Holding], field: str) -> float:
    """Growth per hour: the median of the slopes between all pairs (Theil 1950, Sen 1968).

    A few spikes do not move it, as they would move a least-squares line.
    """
    times = np.array([each.seconds for each in kept])
    values = np.array([getattr(each, field) for each in kept])
    before, after = np.triu_indices(len(kept), k=1)
    if not len(before):
        return float("nan")
    rise = (values[after] - values[before]) / (times[after] - times[before])
    return float(np.median(rise)) * HOUR
