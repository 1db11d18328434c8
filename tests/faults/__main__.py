"""Every promise about faults, tried on the real thing: `make faults`.

Ends with one line of figures; exit status 1 where one misses its bar.
"""

from __future__ import annotations

import logging
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from tests.faults import (
    backup,
    disk,
    erasure,
    errors,
    flips,
    kill,
    migrate,
    model,
    power,
    reading,
    retries,
    start,
    switch,
)
from tests.faults.bar import Verdict, console


class Bar(NamedTuple):
    """A bar, and how often it tries in full and with `--quick`."""

    run: Callable[[Path, int, int], Verdict]
    full: int
    quick: int


BARS: Final = {
    "kill": Bar(kill.run, 200, 8),
    "power": Bar(power.run, 2000, 100),
    "disk": Bar(disk.run, 100, 20),
    "errors": Bar(errors.run, 100, 8),
    "flips": Bar(flips.run, 1000, 60),
    "erasure": Bar(erasure.run, 1000, 40),
    "model": Bar(model.run, 20_000, 1000),
    "reading": Bar(reading.run, 100_000, 900),
    "start": Bar(start.run, 1_000_000, 20_000),
    "backup": Bar(backup.run, 20, 2),
    "retries": Bar(retries.run, 1000, 20),
    "switch": Bar(switch.run, 10_000, 300),
    "migrate": Bar(migrate.run, 1000, 6),
}


def main(
    quick: Annotated[bool, typer.Option(help="Minutes instead of half an hour.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="The bars to run.")] = None,
    seed: Annotated[int | None, typer.Option(help="What a former run printed.")] = None,
) -> None:
    """Kills, cuts, fills, flips and deletes, and says what was lost."""
    logging.disable()  # notices of the galleries opened here; a server has a log of its own
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    if unknown := set(only or []) - BARS.keys():
        raise typer.BadParameter(f"{sorted(unknown)} are not among {', '.join(BARS)}")
    verdicts = [_tried(name, seed, quick) for name in only or BARS]
    missed = [f"{v.name}.{kind}" for v in verdicts for kind in v.missed]
    figures = " ".join(v.line() for v in verdicts)
    verdict = f"missed: {', '.join(missed)}" if missed else "ok"
    print(f"faults: seed={seed} {figures} {verdict}")  # noqa: T201 - the result
    raise typer.Exit(bool(missed))


def _tried(name: str, seed: int, quick: bool) -> Verdict:
    bar, started = BARS[name], time.monotonic()
    console.print(f"{name}: seed {seed}")
    with tempfile.TemporaryDirectory(prefix=f"faults-{name}-") as scratch:
        verdict = bar.run(Path(scratch), seed, bar.quick if quick else bar.full)
    console.print(f"{verdict} in {time.monotonic() - started:.0f} s", highlight=False)
    for case in verdict.cases:
        console.print(f"  {case}"[:500], highlight=False, markup=False)
    return verdict


if __name__ == "__main__":
    typer.run(main)
