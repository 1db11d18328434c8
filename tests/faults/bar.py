"""One promise under one fault: what was measured, and whether it held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tests.faults.oracle import Findings

T = TypeVar("T")
console = Console(stderr=True)


@dataclass
class Verdict:
    """Figures of a bar, in the order they are printed, and the ones that miss."""

    name: str
    figures: dict[str, object]
    missed: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The figures, each with the name of the bar."""
        return " ".join(f"{self.name}.{key}={value}" for key, value in self.figures.items())

    def __str__(self) -> str:
        shown = " ".join(f"{key}={value}" for key, value in self.figures.items())
        return (
            f"{self.name}: {shown} {'missed: ' + ', '.join(self.missed) if self.missed else 'ok'}"
        )


def judged(name: str, findings: Findings, none_of: Iterable[str], **figures: object) -> Verdict:
    """The verdict where nothing of the kinds `none_of` may have been found."""
    counts = {kind: findings.counts[kind] for kind in none_of}
    missed = [kind for kind, count in counts.items() if count]
    return Verdict(name, figures | counts, missed, findings.cases)


def tracked(steps: Iterable[T], name: str, total: int) -> Iterator[T]:
    """The steps, with a bar, the time taken and the time left on a terminal."""
    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield from progress.track(steps, total=total, description=name)
