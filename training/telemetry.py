"""What a run says about itself while it runs, and when it had better stop."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from training.backbones.cost import macs
from training.config import Recipe
from training.run import Outcome, Run

log = logging.getLogger("training")

# Dense bfloat16 peak of the cards people train on, TFLOP/s, from their makers' data sheets.
PEAK_TFLOPS = {
    "H200": 989.0,
    "H100": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "A10": 125.0,
    "V100": 125.0,  # float16: it has no bfloat16
    "RTX 4090": 165.0,
    "RTX 3090": 71.0,
}
PLATEAU = -math.log(1e-30)  # where a softmax clamped at 1e-30 ends, insightface issue 1437
PATIENCE = 10  # looks in a row at the plateau


class Diverged(ArithmeticError):
    """Going on is pointless; the message says what was seen and what to try."""


class Look(NamedTuple):
    """The figures of one look at the run; times are shares of the wall clock since the last."""

    step: int
    loss: float
    lr: float
    gradient_norm: float
    norm_mean: float | None
    norm_std: float | None
    target_cosine: float
    images_per_second: float
    data_wait: float
    mfu: float | None
    skipped: int


@dataclass(slots=True)
class Watch:
    """Times a run and judges its loss; one look each `every` steps, so that the device is seldom asked."""

    run: Run
    every: int = 50
    steps: int = 0
    skipped: int = 0
    waited: float = 0.0
    stuck: int = 0
    since: float = field(default_factory=time.perf_counter)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around fetching a batch: the time a run stands still for its data."""
        before = time.perf_counter()
        yield
        self.waited += time.perf_counter() - before

    def look(self, outcome: Outcome, skipped: int) -> Look | None:
        """Counts a step; every so often its figures. Raises Diverged for a loss nobody can use."""
        self.steps += 1
        self.skipped += skipped
        if self.run.step % self.every and self.run.step != 1:
            return None
        seen = self._look(outcome)
        self.steps, self.waited, self.since = 0, 0.0, time.perf_counter()
        self.judge(seen.loss)
        return seen

    def _look(self, outcome: Outcome) -> Look:
        elapsed = max(time.perf_counter() - self.since, 1e-9)
        speed = self.steps * self.run.recipe.batch / elapsed
        head = self.run.head
        return Look(
            step=self.run.step,
            loss=float(outcome.loss),
            lr=self.run.recipe.rate(self.run.step - 1, self.run.images),
            gradient_norm=float(outcome.gradient),
            norm_mean=_number(head.margin, "norm_mean"),
            norm_std=_number(head.margin, "norm_std"),
            target_cosine=float(head.target_cosines.mean()),
            images_per_second=round(speed, 1),
            data_wait=round(self.waited / elapsed, 4),
            mfu=utilization(self.run, speed),
            skipped=self.skipped,
        )

    def judge(self, loss: float) -> None:
        """Raises Diverged for a loss that is no number, or has long been -ln(1e-30)."""
        step = self.run.step
        if not math.isfinite(loss):
            raise Diverged(
                f"The loss is {loss} at step {step}; start anew in another --out with a lower "
                "optimizer.lr or a warm-up, or, where hardware.precision is fp16, go on from the "
                "last snapshot with --set hardware.precision=bf16."
            )
        self.stuck = self.stuck + 1 if abs(loss - PLATEAU) < 0.05 else 0
        if self.stuck >= PATIENCE:
            raise Diverged(
                f"The loss stays at {loss:.2f}, -ln(1e-30): no target has any probability. Check "
                "that labels are the right ones (data.classes), then lower optimizer.lr."
            )


def utilization(run: Run, images_per_second: float) -> float | None:
    """Model FLOPs utilization, 0 to 1, None where nobody says what the device can do.

    Three passes (forward, two in backward) of two operations per multiply-accumulate; the head's
    matrix product counts too, as in PaLM's definition (arXiv 2204.02311, appendix B).
    """
    peak = run.recipe.hardware.peak_tflops or _peak(run.world.device)
    if peak is None:
        return None
    head = run.head.classes * run.backbone.shape.embedding * run.recipe.loss.sample_rate
    work = 6.0 * (macs(run.backbone) + head) * images_per_second
    return round(work / (peak * 1e12 * run.world.size), 4)


def _number(margin: nn.Module, name: str) -> float | None:
    """A buffer that only some margins have."""
    found = getattr(margin, name, None)
    return None if found is None else float(found)


def _peak(device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for card, peak in PEAK_TFLOPS.items() if card in name), None)


class Record:
    """Where looks go: TensorBoard, metrics.jsonl, and a line for people without a terminal."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "metrics.jsonl"
        self.board = SummaryWriter(folder / "tensorboard")
        self.board.add_text("recipe", f"```\n{recipe.model_dump_json(indent=1)}\n```")

    def add(self, seen: Look, run: Run) -> None:
        """Keeps one look, with the histogram of AdaFace's k and of the target cosines."""
        values = {name: value for name, value in seen._asdict().items() if value is not None}
        self._write(seen.step, values)
        quality = getattr(run.head.margin, "k", None)  # AdaFace's alone
        for name, each in (("k", quality), ("target_cosine", run.head.target_cosines)):
            if each is not None and len(each):
                drawn = np.asarray(each.detach().float().cpu())
                self.board.add_histogram(f"histogram/{name}", drawn, seen.step)
        log.info(
            "step %d loss %.3f target cosine %.3f %.0f images/s data wait %.0f%%",
            *(seen.step, seen.loss, seen.target_cosine, seen.images_per_second),
            100 * seen.data_wait,
        )

    def validated(self, step: int, measured: dict[str, float]) -> None:
        """Keeps what validation found."""
        self._write(step, {f"validation/{name}": value for name, value in measured.items()})
        log.info("step %d: %s", step, ", ".join(f"{k} {v:.4f}" for k, v in measured.items()))

    def _write(self, step: int, values: dict[str, float]) -> None:
        # A float16 gradient that overflowed is inf, which JSON cannot say.
        values = {name: value for name, value in values.items() if math.isfinite(value)}
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self.board.add_scalar(name, value, step)

    def close(self) -> None:
        self.board.close()


@contextmanager
def bar(title: str, total: int, done: int, *, shown: bool) -> Iterator[Progress]:
    """A bar with the time that is left, on standard error; nothing on ranks that do not lead."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not shown) as progress:
        progress.add_task(title, total=total, completed=done)
        yield progress
