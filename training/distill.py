"""Trains a small recognizer by the AdaFace loss and a patient teacher.

One command, resumable at any time: `python -m training.distill --data DIR --out DIR`.
"""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import cv2
import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional

from training import checkpoint, pool
from training.adaface import AdaFace
from training.backbones import build
from training.console import log_to_stderr, one_line
from training.data.crops import UNKNOWN, Crops
from training.data.stream import Sample, Stream, batches
from training.data.targets import Targets
from training.importers import exported
from training.muon import Muon
from training.norm import norm_loss
from training.partial_fc import Head

log = logging.getLogger("training.distill")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a run depends on beside the data; kept in its checkpoints."""

    architecture: str = "ir_starter"
    samples: int = 800_000
    batch: int = 128
    lr: float = 5e-3
    warmup: int = 100  # steps
    decay: float = 0.5  # share of the run over which the rate falls linearly to zero
    mixtures: int = 20_000
    identity_weight: float = 0.02
    norm_weight: float = 4.0
    severity_weight: float = 0.3  # of degradation against agreement in what the norm is taught
    seed: int = 0

    @property
    def steps(self) -> int:
        return self.samples // self.batch

    def rate(self, step: int) -> float:
        """The learning rate of `step`: warm-up, plateau, linear decay; a pure function."""
        left = (self.steps - step) / max(1.0, self.decay * self.steps)
        return self.lr * min(1.0, (step + 1) / self.warmup, left)


DEFAULT = Recipe()


class Losses(NamedTuple):
    """The three terms of the objective, each a scalar, and what they were computed from."""

    distill: Tensor
    identity: Tensor
    norm: Tensor


class Student(nn.Module):
    """The network under training with its class weights."""

    def __init__(self, recipe: Recipe, people: Crops, words: Targets) -> None:
        super().__init__()
        self.backbone = build(recipe.architecture, embedding=words.embeddings.shape[1])
        self.severity_weight = recipe.severity_weight
        self.head = Head(AdaFace(), words.embeddings.shape[1], people.identities)
        self.head.weight.data.copy_(_class_means(people, words))

    def forward(self, batch: Sample) -> Losses:
        features = self.backbone(_pixels(batch))
        agreement = (functional.normalize(features) * batch.target).sum(dim=1)
        known = batch.label != UNKNOWN
        return Losses(
            distill=(1 - agreement).mean(),
            identity=self.head(features[known], batch.label[known]),
            norm=norm_loss(features, agreement.detach() - self.severity_weight * batch.severity),
        )


def _pixels(batch: Sample) -> Tensor:
    """(n, 112, 112, 3) uint8 as (n, 3, 112, 112) in [-1, 1]."""
    x = batch.image.permute(0, 3, 1, 2).float().sub(127.5).div(127.5)
    return x.contiguous(memory_format=torch.channels_last)


def _class_means(people: Crops, words: Targets) -> Tensor:
    """Class weights start where the teacher puts each identity: no epoch is spent finding out."""
    sums = np.zeros((people.identities, words.embeddings.shape[1]), np.float32)
    known = people.labels != UNKNOWN
    np.add.at(sums, people.labels[known], words.embeddings[: len(people)][known])
    return functional.normalize(torch.from_numpy(sums))


class Run:
    """A student, its optimizers and how far it has come."""

    def __init__(self, recipe: Recipe, people: Crops, words: Targets, out: Path) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.path = recipe, out / "student.pt"
        self.student = Student(recipe, people, words)
        matrices = [p for p in self.student.backbone.parameters() if p.ndim > 1]
        vectors = [p for p in self.student.backbone.parameters() if p.ndim == 1]
        self.optimizers = (
            Muon(matrices, recipe.lr),
            torch.optim.AdamW(
                [{"params": vectors}, {"params": [self.student.head.weight]}], weight_decay=0.0
            ),
        )
        # Muon's step is relative to the whole matrix; Adam's is per element, and class weights
        # start at the teacher's class means, from which they need not travel far.
        for group, share in zip(self._groups(), (1.0, 0.3, 0.03), strict=True):
            group["share"] = share
        self.step = 0

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def state(self) -> checkpoint.State:
        return {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "student": self.student.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def resume(self) -> None:
        """Goes on from the checkpoint in the run's folder, if there is one."""
        if (kept := checkpoint.load(self.path)) is None:
            return
        known = kept["recipe"]["architecture"]
        if known != self.recipe.architecture:
            raise ValueError(f"{self.path} is a run of {known}; choose another --out.")
        self.student.load_state_dict(kept["student"])
        for optimizer, state in zip(self.optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step = kept["step"]
        log.info("resuming at step %d", self.step)

    def save(self) -> None:
        checkpoint.save(self.path, self.state())

    def start_from(self, path: Path, views: Iterable[Sample]) -> None:
        """Takes over an exported recognizer; `views` are what its batch norms get used to.

        Raises ValueError where the file holds another architecture.
        """
        backbone = exported.read_back(path, self.recipe.architecture)
        exported.spread(backbone, (_pixels(view) for view in views))
        self.student.backbone.load_state_dict(backbone.state_dict())

    def update(self, batch: Sample) -> Losses:
        """One optimizer step on one batch."""
        for group in self._groups():
            group["lr"] = self.recipe.rate(self.step) * group["share"]
        self.student.zero_grad(set_to_none=True)
        losses: Losses = self.student(batch)
        recipe = self.recipe
        total = (
            losses.distill
            + recipe.identity_weight * losses.identity
            + recipe.norm_weight * losses.norm
        )
        if not torch.isfinite(total):
            raise FloatingPointError(
                f"The loss is {total.item()} at step {self.step}; lower the learning rate."
            )
        total.backward()  # type: ignore[no-untyped-call] # torch's stubs
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        return losses


def train(run: Run, stream: Stream, progress: Progress, *, every: int, workers: int) -> None:
    """Steps until the recipe is done or SIGTERM asks to stop; a checkpoint each `every` steps."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    recipe = run.recipe
    task = progress.add_task("student", total=recipe.steps, completed=run.step)
    run.student.train()
    loader = batches(
        stream, run.step * recipe.batch, recipe.steps * recipe.batch, recipe.batch, workers
    )
    for losses in _logged(map(run.update, loader), run):
        progress.update(task, completed=run.step, description=f"loss {losses.distill:.3f}")
        if run.step % every == 0 or stopping:
            run.save()
        if stopping:
            log.info("stopped by signal %d; run the same command to go on", stopping[0])
            return
    run.save()


def _logged(updates: Iterator[Losses], run: Run, every: int = 50) -> Iterator[Losses]:
    """Passes losses on and writes the mean of each `every` to metrics.jsonl."""
    recent: list[list[float]] = []
    started = time.monotonic()
    for losses in updates:
        recent.append([term.item() for term in losses])
        if len(recent) == every:
            speed = every * run.recipe.batch / (time.monotonic() - started)
            means = dict(
                zip(Losses._fields, np.mean(recent, axis=0).round(4).tolist(), strict=True)
            )
            norms = run.student.head.margin
            row = {"step": run.step, **means, "images_per_second": round(speed, 1)}
            row |= {name: float(norms.get_buffer(name)) for name in ("norm_mean", "norm_std")}
            with (run.path.parent / "metrics.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            recent, started = [], time.monotonic()
        yield losses


def main(  # noqa: PLR0913 - one option each
    out: Annotated[Path, typer.Option(help="Where checkpoints and the teacher's cache go.")],
    data: Annotated[Path | None, typer.Option(help="The starter's data, with its teacher.")] = None,
    crops: Annotated[
        Path | None, typer.Option(help="In place of --data: aligned crops, a folder a person.")
    ] = None,
    teacher: Annotated[
        Path | None, typer.Option(help="Bundle, ONNX file or checkpoint; goes with --crops.")
    ] = None,
    architecture: Annotated[str, typer.Option(help="The student's.")] = DEFAULT.architecture,
    samples: Annotated[int, typer.Option(help="Length of the run, in images.")] = DEFAULT.samples,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = DEFAULT.lr,
    mixtures: Annotated[
        int, typer.Option(min=0, help="Invented faces: random pairs of crops, mixed.")
    ] = DEFAULT.mixtures,
    start: Annotated[
        Path | None, typer.Option(help="Exported recognizer to begin with, instead of chance.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Compute threads.")] = 2,
    workers: Annotated[int, typer.Option(help="Augmentation processes.")] = 1,
    every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 100,
) -> None:
    """Distill a recognizer from a teacher; goes on where it was stopped."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(0)  # the loader's process is the parallelism
    recipe = Recipe(architecture=architecture, samples=samples, lr=lr, mixtures=mixtures)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    with (
        one_line(),
        Progress(
            *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)
        ) as progress,
    ):
        log_to_stderr()
        sources, asked = _material(data, crops, teacher)
        people, words = pool.prepare(sources, asked, out, recipe.mixtures, recipe.seed, progress)
        run, stream = Run(recipe, people, words, out), Stream(people, words, recipe.seed)
        if start is not None and not run.path.exists():
            run.start_from(start, batches(stream, 0, 20 * recipe.batch, recipe.batch, workers))
        run.resume()
        train(run, stream, progress, every=every, workers=workers)


def _material(
    data: Path | None, crops: Path | None, teacher: Path | None
) -> tuple[list[pool.Labelled], Path]:
    """What to learn from and whom to ask; ValueError where that is not said."""
    if data is not None:
        return pool.starter(data), teacher or data / "teachers/recognizer.npz"
    if crops is None or teacher is None:
        raise ValueError("Give --crops and --teacher, or --data for the starter's own material.")
    return pool.aligned(crops), teacher


if __name__ == "__main__":
    typer.run(main)
