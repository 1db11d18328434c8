"""`adaface train`: recipes to checkpoints, and the way out to ONNX and bundles."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.table import Table

from training import config, distill, finish, validation
from training.backbones import ARCHITECTURES
from training.bundle import count_crops
from training.config import Recipe, RecipeError
from training.console import log_to_stderr, one_line, progress
from training.console import out as table_to
from training.data import shards
from training.data.report import inspect
from training.importers.conversion import convert
from training.lock import alone
from training.run import Run
from training.sources import open_source
from training.train import Habits, train
from training.validation import Held
from training.variants import variant
from training.world import World, joined

app = typer.Typer(help="Train models and export them.", add_completion=False)
app.command("distill")(distill.main)
app.command("variant")(variant)


@app.callback(invoke_without_command=True)
def train_recipe(  # noqa: PLR0913 - one option each
    context: typer.Context,
    config_: Annotated[
        str | None, typer.Option("--config", help="A recipe's name, or a TOML file.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder below which the data sets lie.")] = Path(),
    out: Annotated[
        Path | None, typer.Option(help="Snapshots, logs and the bundle; default runs/NAME.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="name=value, such as optimizer.lr=0.05.")
    ] = None,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between snapshots.")] = 2000,
    look_every: Annotated[int, typer.Option(min=1, help="Steps between log lines.")] = 50,
    keep: Annotated[int, typer.Option(min=1, help="Snapshots kept.")] = 3,
) -> None:
    """Train a recipe; the same command goes on where it was stopped. Under torchrun: on many GPUs."""
    if context.invoked_subcommand is not None:
        return
    if config_ is None:
        raise typer.BadParameter(
            f"Give a recipe: {', '.join(config.names())}.", param_hint="--config"
        )
    with one_line():
        recipe = config.load(config_, set_ or [])
        with joined() as world:
            log_to_stderr(leads=world.leads)
            habits = Habits(save_every, look_every, keep)
            _run(recipe, data, out or Path("runs") / recipe.name, world, habits)


def _run(recipe: Recipe, data: Path, out: Path, world: World, habits: Habits) -> None:
    _refuse_unknown(recipe, out)
    with alone(out) if world.leads else nullcontext():
        _train(recipe, data, out, world, habits)


def _train(recipe: Recipe, data: Path, out: Path, world: World, habits: Habits) -> None:
    cv2.setNumThreads(0)  # the loader's processes are the parallelism
    source = open_source(recipe.data, data)
    held = _held(recipe, data) if world.leads else None
    run = Run(recipe, source.classes, len(source), world)
    train(run, source, held, out, habits)
    if world.leads and run.step == recipe.steps(len(source)):
        crops = 0 if held is None else len(held.crops)
        with progress("calibrating", count_crops(crops)) as advance:
            bundle = finish.finish(run, held, out, advance)
        typer.echo(f"{bundle.directory}: {bundle.manifest.id}")


def _refuse_unknown(recipe: Recipe, out: Path) -> None:
    if recipe.architecture not in ARCHITECTURES:
        raise RecipeError(
            f"There is no architecture {recipe.architecture!r}; known are "
            f"{', '.join(ARCHITECTURES)}."
        )
    if (out / finish.BUNDLE).exists():
        raise RecipeError(
            f"{out / finish.BUNDLE} is there already: this run is finished. Choose another --out."
        )


def _held(recipe: Recipe, data: Path) -> Held | None:
    if recipe.validation is None:
        return None
    people = open_source(recipe.validation.data, data)
    if isinstance(people, shards.Shards):
        raise RecipeError("Validation needs a data set that can be read in any order, no shards.")
    return validation.hold(people, recipe.validation.pairs, recipe.seed)


@app.command("recipes")
def list_recipes() -> None:
    """List the recipes that come along, with the accuracy that was published for each."""
    table = Table("recipe", "architecture", "data", "HQ average", "IJB-C 1e-4", "TinyFace")
    for name in config.names():
        recipe = config.load(name)
        published = (
            f"{recipe.expected[key]:.2f}" if key in recipe.expected else "-"
            for key in ("hq_average", "ijbc_tar_1e-4", "tinyface_rank_1")
        )
        table.add_row(name, recipe.architecture, "; ".join(recipe.training_data), *published)
    table_to.print(table)


@app.command("export")
def export_recognizer(
    checkpoint: Annotated[Path, typer.Argument(help="Snapshot folder, or student.pt.")],
    out: Annotated[Path, typer.Argument(help="The ONNX file to write.")],
    flip_fusion: Annotated[
        bool, typer.Option(help="Add the mirror image's feature to the crop's.")
    ] = True,
) -> None:
    """Write a recognizer as one ONNX file, after comparing it with PyTorch."""
    with one_line():
        made = convert(checkpoint, out, flip_fusion=flip_fusion)
        typer.echo(f"{out}: {made.parameters:,} parameters, sha256 {made.sha256}")


@app.command("shards")
def write_shards(
    config_: Annotated[str, typer.Option("--config", help="The recipe whose data to pack.")],
    out: Annotated[Path, typer.Argument(help="Folder for the tar files.")],
    data: Annotated[Path, typer.Option(help="Folder below which the data sets lie.")] = Path(),
    per_shard: Annotated[int, typer.Option(min=1, help="Pictures in a tar file.")] = 10_000,
) -> None:
    """Pack a recipe's data set into tar files, for streaming."""
    with one_line():
        source = open_source(config.load(config_).data, data)
        if isinstance(source, shards.Shards):
            raise RecipeError(f"The data of {config_} are shards already.")
        with progress("packing", len(source)) as advance:
            corrupt = shards.write_shards(source, out, per_shard, progress=advance)
        typer.echo(
            f"{out}: {len(source) - corrupt:,} pictures of {source.classes:,} identities, "
            f"{corrupt:,} corrupt ones left out"
        )


@app.command("inspect")
def inspect_data(
    config_: Annotated[str, typer.Option("--config", help="The recipe whose data to look at.")],
    data: Annotated[Path, typer.Option(help="Folder below which the data sets lie.")] = Path(),
    limit: Annotated[
        int | None, typer.Option(min=1, help="Look at so many pictures; default: all.")
    ] = None,
) -> None:
    """Count a data set: identities, pictures of each, corrupt ones, duplicates, label conflicts."""
    with one_line():
        source = open_source(config.load(config_).data, data)
        with progress("reading", limit or len(source)) as advance:
            found = inspect(source, limit=limit, progress=advance)
    table = Table("measure", "value")
    for name, value in found._asdict().items():
        table.add_row(name.replace("_", " "), str(value))
    table_to.print(table)
