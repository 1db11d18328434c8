"""Faces a second of a recognizer by batch, and the share of a card's peak that they are.

`python -m tests.bench.gpu BUNDLE --provider tensorrt --peak 989`, with the card's dense TFLOP/s at
the precision in use. Runs on any provider; docs/benchmarks.md says what for.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from models import bundle as bundles
from service.embedding import Recognizer
from service.onnx import open_on
from service.providers import Hardware

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
IR101 = 24.2  # GFLOP a face, two for each multiplication with its addition
console = Console()


def main(  # noqa: PLR0913 - the options of a command
    bundle: Path,
    provider: Annotated[Literal["cpu", "cuda", "tensorrt"], typer.Option()] = "cuda",
    peak: Annotated[float | None, typer.Option(help="The card's dense TFLOP/s.")] = None,
    gflop: Annotated[float, typer.Option(help="Of one face.")] = IR101,
    threads: Annotated[int, typer.Option(help="Of a CPU.")] = 2,
    most: Annotated[int, typer.Option(help="Largest batch.")] = BATCHES[-1],
    seconds: Annotated[float, typer.Option(help="For each batch size.")] = 5.0,
) -> None:
    """Measures every batch size."""
    model = bundles.load(bundle)
    hardware = Hardware(provider=provider, threads=threads, engines=bundle / "engines")
    recognizer = Recognizer(open_on(model.recognizer, hardware))
    table = Table("batch", "ms", "faces/s", "TFLOP/s", "of the peak", title=model.manifest.id)
    for batch in (size for size in BATCHES if size <= most):
        spent = milliseconds(recognizer, batch, seconds)
        rate = 1000 * batch / spent
        reached = rate * gflop / 1000
        share = "" if peak is None else f"{100 * reached / peak:.1f} %"
        table.add_row(f"{batch}", f"{spent:.2f}", f"{rate:.1f}", f"{reached:.2f}", share)
    console.print(table)


def milliseconds(recognizer: Recognizer, batch: int, seconds: float) -> float:
    """The median of one batch, crops copied there and embeddings back; two runs warm."""
    random = np.random.default_rng(0)
    crops = random.integers(0, 256, (batch, 112, 112, 3), dtype=np.uint8)
    for _ in range(2):
        recognizer(crops)
    spent: list[float] = []
    end = time.perf_counter() + seconds
    while not spent or time.perf_counter() < end:
        started = time.perf_counter()
        recognizer(crops)
        spent.append(1000 * (time.perf_counter() - started))
    return median(spent)


if __name__ == "__main__":
    typer.run(main)
