"""`adaface evaluate`: what a bundle is worth, through the pipeline that also serves requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from models import bundle as bundles
from models.pairs import Pair
from service import evaluate, photographs
from service.cli.console import (
    BundleOption,
    JsonOption,
    one_line,
    out,
    pipeline_of,
    print_json,
    progress,
    settings_for,
)
from service.errors import BundleRefused
from service.evaluate import PairsReport, QualityReport
from service.evaluate.page import page
from service.evaluate.report import Report as WholeReport
from service.evaluate.report import count_images
from service.evaluate.report import evaluate as judge
from service.evaluate.sample import Sample, read_groups, read_sample
from service.pipeline import Pipeline
from service.runtime import Networks, open_networks

app = typer.Typer(help="Measure a bundle through the whole pipeline.", no_args_is_help=True)
Images = Annotated[Path, typer.Option(help="Folder with one folder of photographs per person.")]
Pairs = Annotated[Path, typer.Option(help="LFW-style pairs.txt.")]
Report = TypeVar("Report")
Measure = Callable[[Pipeline, Path, Sequence[Pair], Callable[[int], object]], Awaitable[Report]]


@app.command("pairs")
def pairs_(
    images: Images, pairs: Pairs, bundle: BundleOption = None, as_json: JsonOption = False
) -> None:
    """Verification accuracy on listed pairs of photographs."""
    with one_line():
        listed = evaluate.parse_pairs(pairs)
        total = len(evaluate.photographs(listed, images))
        report = _measure(evaluate.evaluate_pairs, bundle, images, listed, total)
    if as_json:
        print_json(asdict(report))
    else:
        out.print(_pairs_table(report))


@app.command()
def quality(
    images: Images, pairs: Pairs, bundle: BundleOption = None, as_json: JsonOption = False
) -> None:
    """Whether quality falls as photographs get worse, and what discarding the worst buys."""
    with one_line():
        if bundles.load(settings_for(bundle).bundle).manifest.quality is None:
            raise BundleRefused(
                "The bundle has no quality scores; 'adaface calibrate' gives it some."
            )
        listed = evaluate.parse_pairs(pairs)
        total = evaluate.count_degraded(listed)
        report = _measure(evaluate.evaluate_quality, bundle, images, listed, total)
    if as_json:
        print_json(asdict(report))
    else:
        out.print(_quality_table(report))


@app.command("report")
def report_(
    images: Images,
    output: Annotated[Path, typer.Option("--output", "--out", help="Folder for the report.")],
    bundle: BundleOption = None,
    groups: Annotated[
        Path | None,
        typer.Option(help="CSV: a person's folder first, then a column for each division."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="What the photographs are; default: the folder's name.")
    ] = None,
) -> None:
    """Error rates 1:1, 1:N, by quality, by group and by template, as report.json and report.html.

    'adaface calibrate BUNDLE --report report.json' puts the calibration it holds into the bundle.
    """
    with one_line():
        divided = {} if groups is None else read_groups(groups)
        sample, networks = _sampled(bundle, images)
        made = judge(
            networks.bundle,
            sample,
            lambda faces: networks.recognizer(faces).norms,
            data=data or images.name,
            groups=divided,
        )
        output.mkdir(parents=True, exist_ok=True)
        document = made.document()
        (output / "report.json").write_text(json.dumps(document, indent=1) + "\n")
        (output / "report.html").write_text(page(document))
    out.print(_summary(made))
    out.print(f"{output / 'report.html'} and report.json hold the rest.", highlight=False)


def _sampled(bundle: Path | None, images: Path) -> tuple[Sample, Networks]:
    settings = settings_for(bundle)
    listed, networks = photographs.folder(images), open_networks(settings)

    async def run(advance: Callable[[int], object]) -> Sample:
        async with pipeline_of(settings, networks) as pipeline:
            return await read_sample(pipeline, listed, advance)

    with progress("reading photographs", count_images(len(listed))) as advance:
        return asyncio.run(run(advance)), networks


def _summary(made: WholeReport) -> Table:
    table = Table("asked", "counted", "95 % interval", "misses")
    for point in made.verification.points:
        table.add_row(
            f"FMR {point.asked:g}",
            f"{point.fmr:.2e}",
            f"{point.fmr_lower:.1e} to {point.fmr_upper:.1e}",
            f"FNMR {point.fnmr:.4f}",
        )
    for each in made.identification:
        table.add_row(
            f"FPIR {each.asked:g} of {each.persons:,}",
            f"{each.fpir:.4f}",
            f"{each.fpir_lower:.4f} to {each.fpir_upper:.4f}",
            f"FNIR {each.fnir:.4f}",
        )
    return table


def _measure(
    measure: Measure[Report], bundle: Path | None, images: Path, listed: Sequence[Pair], total: int
) -> Report:
    settings = settings_for(bundle)
    networks = open_networks(settings)

    async def run(advance: Callable[[int], object]) -> Report:
        async with pipeline_of(settings, networks) as pipeline:
            return await measure(pipeline, images, listed, advance)

    with progress("reading photographs", total) as advance:
        return asyncio.run(run(advance))


def _pairs_table(report: PairsReport) -> Table:
    table = Table("measure", "value")
    table.add_row("accuracy", f"{report.accuracy:.4f} ± {report.accuracy_std:.4f}")
    for rate, tmr in report.tmr_at_fmr.items():
        table.add_row(f"TMR at FMR {rate}", f"{tmr:.4f}")
    table.add_row("no face found", f"{report.failures} of {report.photographs} photographs")
    return table


def _quality_table(report: QualityReport) -> Table:
    table = Table("measure", "value")
    for kind, value in report.spearman.items():
        within = report.spearman_per_photograph[kind]
        table.add_row(f"Spearman with {kind}", f"{value:+.3f} (per photograph {within:+.3f})")
    for share, fnmr in report.edc.items():
        table.add_row(f"FNMR after discarding {float(share):.0%}", f"{fnmr:.4f}")
    table.add_row("FNMR saved by discarding 20%", f"{report.fnmr_reduction_at_20:.1%}")
    return table
