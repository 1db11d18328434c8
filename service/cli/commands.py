"""The top level of the command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from service import rendering
from service.cli import (
    backups,
    catalogue,
    doctor,
    enroll,
    evaluation,
    gallery,
    importing,
    keys,
    models,
    pull,
    transfer,
    tune,
)
from service.cli.console import BundleOption, err, one_line, pipeline_of, progress, settings_for
from service.errors import ServiceError
from service.pipeline import Selection
from service.runtime import open_networks
from service.server import serve as run
from service.settings import Settings, from_environment

app = typer.Typer(
    help="Face recognition on your own hardware.", no_args_is_help=True, add_completion=False
)
models.app.command("catalogue")(catalogue.list_catalogue)
models.app.command("pull")(pull.pull_model)
app.add_typer(models.app, name="models")
app.add_typer(evaluation.app, name="evaluate")
app.add_typer(keys.app, name="keys")
app.command()(importing.calibrate)
app.command()(gallery.fsck)
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(tune.tune)
app.command("doctor")(doctor.examine)
app.command()(transfer.export)
app.command("import")(transfer.import_)
app.command()(enroll.enroll)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Instead of FACE_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Instead of FACE_PORT.", min=0, max=65535)
    ] = None,
) -> None:
    """Run the service. Every setting is a FACE_* variable; see docs/configuration.md."""
    given = {"host": host, "port": port}
    with one_line():
        settings = from_environment()
        run(settings.model_copy(update={k: v for k, v in given.items() if v is not None}))


@app.command()
def embed(
    files: Annotated[list[Path], typer.Argument(help="JPEG, PNG or WebP photographs.")],
    bundle: BundleOption = None,
    embedding: Annotated[rendering.Format, typer.Option(help="Form of the embeddings.")] = "float",
    largest: Annotated[bool, typer.Option("--largest", help="Only the largest face.")] = False,
) -> None:
    """Embed the faces of photographs: one JSON document per line, in order."""
    selection = Selection(max_faces=1000, largest=largest)
    with one_line():
        failed = asyncio.run(_embed(settings_for(bundle), files, embedding, selection))
    if failed:
        raise typer.Exit(1)


async def _embed(
    settings: Settings, files: Sequence[Path], form: rendering.Format, selection: Selection
) -> int:
    """Prints each photograph's faces; returns how many photographs could not be read."""
    networks, failed = open_networks(settings), 0
    with progress("embedding", len(files)) as advance:
        async with pipeline_of(settings, networks) as pipeline:
            for path in files:
                try:
                    reading = await pipeline(path.read_bytes(), selection)
                except (ServiceError, OSError) as error:
                    failed += 1
                    err.print(f"{path}: {error}", style="red", markup=False, highlight=False)
                else:
                    found = rendering.faces(reading, form, networks.bundle)
                    line = rendering.encoded({"file": str(path), **found}).decode()
                    sys.stdout.write(line + "\n")
                advance(1)
    return failed
