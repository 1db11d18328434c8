"""`adaface models import` and `adaface calibrate`: from somebody's recognizer to numbers that mean something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, cast

import typer

from models import bundle as bundles
from models.assembly import UNKNOWN, Description, name_from, refuse_bundle_in
from models.bundle import Bundle
from service import evaluate, photographs
from service.calibrate import count_images
from service.cli import models
from service.cli.console import one_line, out, progress, settings_for, working
from service.cli.conversion import Convert, converter, is_checkpoint
from service.errors import BundleRefused
from service.importing import Source, calibrate_bundle, calibrate_from, import_bundle
from service.photographs import Photograph
from service.settings import STARTER
from service.wrapping import Colors

PEOPLE = "Photographs, one folder per person; of people the recognizer was not trained on."
File = Annotated[
    Path,
    typer.Argument(
        help="Recognizer: an ONNX file, or a checkpoint (.ckpt, .pt, .pth, .safetensors or a "
        "folder with one), which takes the training environment."
    ),
]
Output = Annotated[Path, typer.Option("--output", "--out", help="Directory of the new bundle.")]
Images = Annotated[
    Path | None,
    typer.Option(help=PEOPLE + " Without them the bundle is not calibrated."),
]
NameOption = Annotated[
    str | None, typer.Option(help="Name of the bundle, lower case; default: the file's name.")
]
ColorOption = Annotated[
    Colors | None,
    typer.Option(
        "--color",
        "--colors",
        help="Colour order it was trained on: bgr for AdaFace's, rgb for insightface's. A float "
        "ONNX file needs it, in a checkpoint it is recognized.",
    ),
]
Mean = Annotated[float, typer.Option(help="Subtracted from a float ONNX file's pixels.")]
Scale = Annotated[float, typer.Option(help="Divides them.")]
Fact = Annotated[str | None, typer.Option(help="For the manifest.")]
Constants = Annotated[
    list[str] | None, typer.Option(help="name=number, for the manifest; may be repeated.")
]
TrainedOn = Annotated[
    list[str] | None, typer.Option(help="Training data; may be given several times.")
]
CalibratedOn = Annotated[
    str | None, typer.Option(help="What the photographs are; default: the folder's name.")
]
FlipFusion = Annotated[
    bool,
    typer.Option(
        "--flip-fusion",
        help="The graph adds the mirror image's feature; a checkpoint is converted to one that does.",
    ),
]


@models.app.command("import")
def import_(  # noqa: PLR0913 - one option for each fact that no file can tell
    context: typer.Context,
    file: File,
    directory: Output,
    images: Images = None,
    name: NameOption = None,
    detector: Annotated[Path, typer.Option(help="SCRFD detector.")] = STARTER / bundles.DETECTOR,
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1.0.0",
    color: ColorOption = None,
    mean: Mean = 127.5,
    scale: Scale = 127.5,
    architecture: Fact = None,
    loss: Fact = None,
    loss_constant: Constants = None,
    license_: Annotated[str, typer.Option("--license", help="For the manifest.")] = UNKNOWN,
    trained_on: TrainedOn = None,
    calibrated_on: CalibratedOn = None,
    flip_fusion: FlipFusion = False,
    card: Annotated[Path | None, typer.Option(help="MODEL_CARD.md to include.")] = None,
) -> None:
    """Make a bundle of a recognizer: convert or wrap it, calibrate it, describe it."""
    constants = _constants(loss_constant or [])
    convert = cast("Convert | None", context.obj)
    with one_line(), TemporaryDirectory(prefix="adaface-") as scratch:
        refuse_bundle_in(directory)  # now, not after minutes of work
        description = Description(
            name=name_from(file.name if file.is_dir() else file.stem) if name is None else name,
            version=version,
            architecture=architecture or UNKNOWN,
            loss=loss or UNKNOWN,
            license=license_,
            training_data=trained_on or [UNKNOWN],
            calibration_data=calibrated_on or (images.name if images else UNKNOWN),
            flip_fusion=flip_fusion,
            loss_constants=constants,
        )
        shown = None if images is None else photographs.folder(images)
        source = Source(file, detector, card, color, mean, scale)
        if is_checkpoint(file):
            source, description = converted(convert, source, description, Path(scratch))
        with _progress(shown) as advance:
            bundle = import_bundle(source, description, shown, directory, advance)
    models.print_bundle(bundle)


def _constants(given: list[str]) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in (each.split("=") for each in given)}
    except ValueError as error:
        raise typer.BadParameter("--loss-constant takes name=number.") from error


def converted(
    convert: Convert | None, source: Source, description: Description, scratch: Path
) -> tuple[Source, Description]:
    """The checkpoint as ONNX, described by what it told and nobody said otherwise."""
    onnx = scratch / bundles.RECOGNIZER
    with working(f"converting {source.recognizer}"):
        found = converter(convert, source.recognizer)(
            source.recognizer, onnx, color=source.colors, flip_fusion=description.flip_fusion
        )
    told = (
        f"{found.architecture}, trained on {found.color} pixels, {found.embedding} numbers a face",
        f"from: {found.source}",
        f"ONNX Runtime against PyTorch: {found.parity}",
    )
    for line in told:
        out.print(line, markup=False, highlight=False)
    said = description
    return replace(source, recognizer=onnx), replace(
        said,
        architecture=found.architecture if said.architecture == UNKNOWN else said.architecture,
        loss=found.loss if said.loss == UNKNOWN else said.loss,
        loss_constants=found.loss_constants | said.loss_constants,
        flip_fusion=found.flip_fusion,
        parameters=found.parameters,
    )


def _progress(
    shown: Sequence[Photograph] | None,
) -> AbstractContextManager[Callable[[int], object]]:
    if shown is None:
        return working("making the bundle")
    return progress("calibrating", count_images(len(shown)))


def _calibrated(
    bundle: Path, images: Path, pairs: Path | None, calibrated_on: str | None
) -> Bundle:
    shown = photographs.folder(images) if pairs is None else evaluate.shown_in(pairs, images)
    with _progress(shown) as advance:
        data = calibrated_on or images.name
        return calibrate_bundle(settings_for(bundle), shown, advance, data=data)


def calibrate(  # noqa: PLR0913 - one option for each way to say whom to calibrate on
    bundle: Annotated[Path, typer.Argument(help="Bundle directory.")],
    images: Annotated[Path | None, typer.Option(help=PEOPLE)] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="LFW-style pairs.txt: of --images only the photographs it names."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="In place of photographs: a report.json of 'adaface evaluate report'."),
    ] = None,
    calibrated_on: CalibratedOn = None,
    again: Annotated[
        bool, typer.Option("--again", help="Replace the calibration of a calibrated bundle.")
    ] = False,
) -> None:
    """Give a bundle error rates and quality scores; its embeddings stay what they are."""
    with one_line():
        kept = bundles.load(bundle).manifest
        if kept.score is not None and kept.quality is not None and not again:
            raise BundleRefused(
                f"{bundle} is calibrated already, on {kept.score.data}; --again replaces that."
            )
        if (images is None) == (report is None):
            raise BundleRefused("Calibration takes either --images or --report.")
        made = (
            calibrate_from(settings_for(bundle), report)
            if report is not None
            else _calibrated(bundle, cast("Path", images), pairs, calibrated_on)
        )
    models.print_bundle(made)
