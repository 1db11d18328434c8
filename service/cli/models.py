"""`adaface models`: what bundles there are, and making new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from models import bundle as bundles
from models.bundle import Bundle
from models.calibration import ScoreCalibration
from service import answers, photographs
from service.calibrate import count_images
from service.cli.console import JsonOption, one_line, out, print_json, progress, settings_for
from service.importing import Description, Source, import_bundle
from service.importing import describe as describe_bundle
from service.runtime import open_networks
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
        print_json(answers.model(bundle, "cpu").model_dump(mode="json"))
    else:
        _show(bundle)


@app.command()
def verify(directory: Directory = STARTER) -> None:
    """Check every file's sha256 and ask the golden vectors."""
    with one_line():
        bundle = open_networks(settings_for(directory)).bundle
    out.print(f"{bundle.manifest.id}: files and golden vectors are as described.")


def _show(bundle: Bundle) -> None:
    kept = bundle.manifest
    out.print(f"[bold]{kept.id}[/bold]: {kept.architecture}, {kept.parameters:,} parameters")
    out.print(f"license: {kept.license}")
    for data in kept.training_data:
        out.print(f"trained on: {data}")
    out.print(
        f"calibrated on {kept.score.data}: {kept.score.impostors:,} impostor and "
        f"{kept.score.genuines:,} genuine comparisons"
    )
    out.print(_thresholds(kept.score))


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


def _constants(given: list[str]) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in (each.split("=") for each in given)}
    except ValueError as error:
        raise typer.BadParameter("--loss-constant takes name=number.") from error


@app.command("import")
def import_(  # noqa: PLR0913 - one option for each fact that no file can tell
    recognizer: Annotated[Path, typer.Argument(help="ONNX recognizer.")],
    directory: Annotated[Path, typer.Option("--out", help="Directory of the new bundle.")],
    images: Annotated[
        Path,
        typer.Option(
            help="Photographs to calibrate on, one folder per person; of people the recognizer "
            "was not trained on."
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the bundle, lower case.")],
    detector: Annotated[Path, typer.Option(help="SCRFD detector.")] = STARTER / bundles.DETECTOR,
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1.0.0",
    colors: Annotated[
        Literal["rgb", "bgr"] | None,
        typer.Option(
            help="Colour order of a float recognizer: bgr for AdaFace's, rgb for insightface's."
        ),
    ] = None,
    mean: Annotated[
        float, typer.Option(help="Subtracted from a float recognizer's pixels.")
    ] = 127.5,
    scale: Annotated[float, typer.Option(help="Divides them.")] = 127.5,
    architecture: Annotated[str, typer.Option(help="For the manifest.")] = "unknown",
    loss: Annotated[str, typer.Option(help="For the manifest.")] = "unknown",
    loss_constant: Annotated[
        list[str] | None, typer.Option(help="name=number, for the manifest; may be repeated.")
    ] = None,
    license_: Annotated[str, typer.Option("--license", help="For the manifest.")] = "unknown",
    trained_on: Annotated[
        list[str] | None, typer.Option(help="Training data; may be given several times.")
    ] = None,
    calibrated_on: Annotated[
        str | None, typer.Option(help="What the photographs are; default: the folder's name.")
    ] = None,
    flip_fusion: Annotated[
        bool, typer.Option("--flip-fusion", help="The graph adds the mirror image's feature.")
    ] = False,
    card: Annotated[Path | None, typer.Option(help="MODEL_CARD.md to include.")] = None,
) -> None:
    """Make a bundle of an ONNX recognizer: wrap it, calibrate it, describe it."""
    source = Source(recognizer, detector, card, colors, mean, scale)
    description = Description(
        name=name,
        version=version,
        architecture=architecture,
        loss=loss,
        license=license_,
        training_data=trained_on or ["unknown"],
        calibration_data=calibrated_on or images.name,
        flip_fusion=flip_fusion,
        loss_constants=_constants(loss_constant or []),
    )
    with one_line():
        shown = photographs.folder(images)
        with progress("calibrating", count_images(len(shown))) as advance:
            bundle = import_bundle(source, description, shown, directory, advance)
    _show(bundle)
