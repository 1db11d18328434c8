"""What every command of the trainer shares: failures in one line, logs, progress on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

err = Console(stderr=True, soft_wrap=True)
# Tables in a pipe or a log are not squeezed into 80 columns.
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 200)


@contextmanager
def one_line() -> Iterator[None]:
    """What a person can mend ends the command with one line and exit status 1, and no traceback."""
    try:
        yield
    except (OSError, ValueError, ArithmeticError, ModuleNotFoundError) as error:
        err.print(f"adaface: {_sentence(error)}", style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error


def _sentence(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"this needs {error.name}, which the training environment has (.venv-train)."
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], object]]:
    """A bar with the time that is left; call it with the number of things done since."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.advance(task, done)


def log_to_stderr(*, leads: bool = True) -> None:
    """Lines of the log on standard error; warnings alone on ranks that do not lead."""
    logging.basicConfig(
        level=logging.INFO if leads else logging.WARNING,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
