"""`adaface doctor`: what is wrong with this installation, in sentences."""

from __future__ import annotations

from collections import Counter

import typer

from service import doctor
from service.cli.console import BundleOption, JsonOption, out, print_json

STYLES: dict[doctor.Level, str] = {"ok": "green", "warning": "yellow", "problem": "red"}


def examine(bundle: BundleOption = None, as_json: JsonOption = False) -> None:
    """Look at the installation and say what is wrong with it; exit status 1 for a problem."""
    findings = doctor.examine(bundle)
    counts = Counter(each.level for each in findings)
    if as_json:
        print_json([each._asdict() for each in findings])
    else:
        for each in findings:
            _print(each)
        out.print(f"{counts['problem']} problems, {counts['warning']} warnings")
    if counts["problem"]:
        raise typer.Exit(1)


def _print(found: doctor.Finding) -> None:
    level = f"{found.level:<7}"
    out.print(f"[{STYLES[found.level]}]{level}[/]", end=" ")
    out.print(f"{found.check}: {found.says}", markup=False, highlight=False)
