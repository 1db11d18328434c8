"""`adaface models`: what bundles there are, and making new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from models import bundle as bundles
from models.bundle import Bundle
from models.calibration import ScoreCalibration
from service import model_cards
from service.cli.console import JsonOption, one_line, out, print_json, settings_for
from service.importing import describe as describe_bundle
from service.runtime import open_networks, uncalibrated
from service.settings import STARTER

app = typer.Typer(help="Model bundles: list, show, verify, import.", no_args_is_help=True)
Directory = Annotated[Path, typer.Argument(help="Bundle directory.")]


@app.command("list")
def list_bundles(
    directory: Annotated[Path, typer.Argument(help="Folder of bundles.")] = STARTER.parent,
    as_json: JsonOption = False,
) -> None:
    """List the bundles in a folder; each file is checked against its sha256."""
    with one_line():
        manifests = sorted(directory.glob(f"*/{bundles.MANIFEST}"))
        found = [bundles.load(path.parent) for path in manifests]
    if as_json:
        print_json([{"id": each.manifest.id, "directory": str(each.directory)} for each in found])
        return
    table = Table("bundle", "architecture", "embedding", "license", "directory")
    for each in found:
        kept = each.manifest
        row = (kept.id, kept.architecture, str(kept.embedding_size), kept.license)
        table.add_row(*row, str(each.directory))
    out.print(table)


@app.command()
def show(directory: Directory = STARTER, as_json: JsonOption = False) -> None:
    """Show what a bundle is, and what its thresholds stand on."""
    with one_line():
        bundle = bundles.load(directory)
    if as_json:
        print_json(model_cards.model(bundle, "cpu").model_dump(mode="json"))
    else:
        print_bundle(bundle)


@app.command()
def verify(directory: Directory = STARTER) -> None:
    """Check every file's sha256 and ask the golden vectors."""
    with one_line():
        bundle = open_networks(settings_for(directory)).bundle
    out.print(f"{bundle.manifest.id}: files and golden vectors are as described.")


def print_bundle(bundle: Bundle) -> None:
    """What a bundle is, for a person to read."""
    kept = bundle.manifest
    out.print(f"[bold]{kept.id}[/bold]: {kept.architecture}, {kept.parameters:,} parameters")
    out.print(f"license: {kept.license}")
    for data in kept.training_data:
        out.print(f"trained on: {data}")
    if missing := uncalibrated(bundle):
        out.print(missing + ", with one folder of photographs per person in DIR", markup=False)
    if (score := kept.score) is None:
        return
    out.print(
        f"calibrated on {score.data}: {score.impostors:,} impostor and {score.genuines:,} "
        "genuine comparisons"
    )
    out.print(_thresholds(score))
    for line in _evidence(score):
        out.print(line, markup=False, highlight=False)


def _evidence(score: ScoreCalibration) -> list[str]:
    """What rarer rates, searches and probabilities stand on; nothing for an older calibration."""
    lines = []
    if (tail := score.tail) is not None:
        kind = tail.kind.replace("_", " ")
        lines.append(f"rarer FMRs: extrapolated ({kind}, of {tail.exceedances:,} comparisons)")
    lines += [
        f"a search of {check.persons:,} for FPIR {check.fpir:g}: {check.observed:.4f} counted "
        f"with {check.strangers:,} strangers, so each person counts {check.factor:.2f}-fold"
        for check in score.searches
    ]
    if score.cllr is not None and score.min_cllr is not None:
        lines.append(f"probability: Cllr {score.cllr:.3f} bits, at best {score.min_cllr:.3f}")
    return lines


def _thresholds(score: ScoreCalibration) -> Table:
    table = Table("FMR", "threshold", "95 % interval of the FMR", "TMR", "supported by data")
    for point in score.thresholds:
        table.add_row(
            f"{point.fmr:g}",
            f"{point.threshold:.4f}",
            f"{point.fmr_lower:.1e} to {point.fmr_upper:.1e}",
            "-" if point.tmr is None else f"{point.tmr:.4f}",
            "yes" if point.supported else "no",
        )
    return table


@app.command()
def describe(
    directory: Directory,
    card: Annotated[Path | None, typer.Option(help="MODEL_CARD.md to put in.")] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(help="Output of 'adaface evaluate ... --json'; its file names the numbers."),
    ] = None,
) -> None:
    """Put a model card and measured numbers into a bundle."""
    with one_line():
        bundle = describe_bundle(directory, card, report or [])
    for name, value in sorted(bundle.manifest.metrics.items()):
        out.print(f"{name}: {value:g}")
