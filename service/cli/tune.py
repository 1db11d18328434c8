"""`adaface tune`: the settings under which this machine embeds most faces a second."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from models import bundle as bundles
from service.cli.console import (
    BundleOption,
    JsonOption,
    one_line,
    out,
    print_json,
    progress,
    settings_for,
)
from service.tuning import Measurement, best, candidates, steps
from service.tuning import tune as measure

Seconds = Annotated[float, typer.Option(help="Seconds for each measurement.", min=0.01, max=60)]


def tune(bundle: BundleOption = None, as_json: JsonOption = False, seconds: Seconds = 1.0) -> None:
    """Measure engines, threads and batches on this machine, and print the best as settings.

    Run it where the service will run, while nothing else does.
    """
    with one_line():
        settings = settings_for(bundle)
        opened = bundles.load(settings.bundle)
        with progress("measuring", steps(candidates(settings))) as advance:
            measured = measure(opened, settings, advance, seconds=seconds)
    chosen = best(measured)
    if as_json:
        rows = [asdict(each) for each in measured]
        environment = chosen.choice.environment()
        print_json({"bundle": opened.manifest.id, "settings": environment, "measured": rows})
        return
    out.print(_table(measured, chosen))
    for name, value in chosen.choice.environment().items():
        out.print(f"{name}={value}", highlight=False)


def _table(measured: list[Measurement], chosen: Measurement) -> Table:
    table = Table("engine", "threads", "batch", "arena", "faces/s", "ms a batch", "")
    for each in measured:
        made = each.choice
        what = (made.engine, str(made.threads), str(made.batch), "yes" if made.arena else "no")
        figures = (f"{each.rate:.1f}", f"{each.milliseconds:.1f}")
        table.add_row(*what, *figures, "best" if each is chosen else "")
    return table
