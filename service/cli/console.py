"""What every command shares: one-line failures, progress on standard error, JSON on demand."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.bundle import BundleError
from models.calibration import CalibrationRefused
from models.catalogue import CatalogueError
from service.errors import StartupError
from service.photographs import PhotographsUnusable
from service.pipeline import Pipeline
from service.runtime import Networks, open_pipeline
from service.settings import Settings, from_environment

err = Console(stderr=True, soft_wrap=True)
# Tables in a pipe or a log are not squeezed into 80 columns.
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 200)

BundleOption = Annotated[
    Path | None, typer.Option("--bundle", help="Bundle directory; default FACE_BUNDLE or starter.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


@contextmanager
def one_line() -> Iterator[None]:
    """Failures an operator can mend end the command with one line and exit status 1."""
    try:
        yield
    except (
        StartupError,
        BundleError,
        PhotographsUnusable,
        CalibrationRefused,
        CatalogueError,
    ) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}." if error.filename else str(error)
    else:
        return
    err.print(f"adaface: {message}", style="red", markup=False, highlight=False)
    raise typer.Exit(1)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], object]]:
    """A bar on standard error; standard output stays clean for results."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)


@contextmanager
def working(title: str) -> Iterator[Callable[[int], object]]:
    """A spinner on a terminal's standard error, for what cannot say how far it is."""
    with err.status(title):
        yield lambda _: None


def settings_for(bundle: Path | None) -> Settings:
    """The environment's settings, with another bundle where one is given."""
    settings = from_environment()
    return settings if bundle is None else settings.model_copy(update={"bundle": bundle})


def pipeline_of(settings: Settings, networks: Networks) -> AbstractAsyncContextManager[Pipeline]:
    """The pipeline requests are served with, for a command's own use."""
    return open_pipeline(
        settings, networks.detector, networks.recognizer, networks.bundle.manifest.quality
    )


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1) + "\n")
