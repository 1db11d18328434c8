"""Trains a small recognizer by the AdaFace loss and a patient teacher.

One command, resumable at any time: `python -m training.distill --data DIR --out DIR`.
"""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Iterator
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

from training import checkpoint, teacher
from training.adaface import AdaFace
from training.backbones import build
from training.data import crops, targets
from training.data.crops import UNKNOWN, Crops
from training.data.stream import Sample, Stream, batches
from training.data.targets import Targets
from training.muon import Muon

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
    norm_weight: float = 2.0
    severity_weight: float = 0.8  # of degradation against agreement in what the norm is taught
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

    def __init__(self, recipe: Recipe, pool: Crops, words: Targets) -> None:
        super().__init__()
        self.backbone = build(recipe.architecture)
        self.severity_weight = recipe.severity_weight
        self.head = AdaFace(words.embeddings.shape[1], pool.identities)
        self.head.weight.data.copy_(_class_means(pool, words))

    def forward(self, batch: Sample) -> Losses:
        x = batch.image.permute(0, 3, 1, 2).float().sub(127.5).div(127.5)
        features = self.backbone(x.contiguous(memory_format=torch.channels_last))
        agreement = (functional.normalize(features) * batch.target).sum(dim=1)
        known = batch.label != UNKNOWN
        return Losses(
            distill=(1 - agreement).mean(),
            identity=self.head(features[known], batch.label[known]),
            norm=norm_loss(features, agreement.detach() - self.severity_weight * batch.severity),
        )


def norm_loss(features: Tensor, merit: Tensor) -> Tensor:
    """Makes the norm say how good the image is.

    `features` (n, d), `merit` (n,) the higher the better. AdaFace's norm tracks quality only as
    a by-product (its gradient is detached), and on small data the sign can even turn (AdaFace
    issues 6, 49). Here it is taught: relative to sqrt(d), the value the last batch norm centers
    it on, it should follow how well the embedding can be trusted (cosine to the teacher's clean
    one) and how much was done to the image, standardized over the batch.
    """
    length = features.norm(dim=1) / features.shape[1] ** 0.5
    wanted = 1 + 0.25 * (merit - merit.mean()) / (merit.std() + 1e-6)
    return functional.smooth_l1_loss(length, wanted, beta=0.1)


def _class_means(pool: Crops, words: Targets) -> Tensor:
    """Class weights start where the teacher puts each identity: no epoch is spent finding out."""
    sums = np.zeros((pool.identities, words.embeddings.shape[1]), np.float32)
    known = pool.labels != UNKNOWN
    np.add.at(sums, pool.labels[known], words.embeddings[: len(pool)][known])
    return functional.normalize(torch.from_numpy(sums))


class Run:
    """A student, its optimizers and how far it has come."""

    def __init__(self, recipe: Recipe, pool: Crops, words: Targets, out: Path) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.path = recipe, out / "student.pt"
        self.student = Student(recipe, pool, words)
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
        self.student.load_state_dict(kept["student"])
        for optimizer, state in zip(self.optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step = kept["step"]
        log.info("resuming at step %d", self.step)

    def save(self) -> None:
        checkpoint.save(self.path, self.state())

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


def prepare(data: Path, out: Path, recipe: Recipe, progress: Progress) -> tuple[Crops, Targets]:
    """The pool of crops with the teacher's embeddings, from the cache in `out` if it is there."""
    cache = out / "pool.npz"
    if not cache.exists():
        pool = crops.gather(
            crops.from_folder(data / "recognition"),
            crops.from_photographs(data / "lfw_train", data / "teachers/detector.onnx"),
            crops.from_scenes(data, data / "scenes.json"),
        )
        model = teacher.load(data / "teachers/recognizer.npz")
        task = progress.add_task("teacher", total=len(pool) + recipe.mixtures)
        words = targets.ask(
            lambda images: teacher.embed(model, images).numpy(),
            pool,
            recipe.mixtures,
            seed=recipe.seed,
            progress=lambda done: progress.advance(task, done),
        )
        targets.save(cache, pool, words)
    return targets.load(cache)


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
            head = run.student.head
            row = {"step": run.step, **means, "images_per_second": round(speed, 1)}
            row |= {"norm_mean": float(head.norm_mean), "norm_std": float(head.norm_std)}
            with (run.path.parent / "metrics.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            recent, started = [], time.monotonic()
        yield losses


def main(  # noqa: PLR0913 - one option each
    data: Annotated[Path, typer.Option(help="Folder described in the training guide.")],
    out: Annotated[Path, typer.Option(help="Where checkpoints and the teacher's cache go.")],
    samples: Annotated[int, typer.Option(help="Length of the run, in images.")] = DEFAULT.samples,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = DEFAULT.lr,
    threads: Annotated[int, typer.Option(help="Compute threads.")] = 2,
    workers: Annotated[int, typer.Option(help="Augmentation processes.")] = 1,
    every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 100,
) -> None:
    """Distill a recognizer; goes on where it was stopped."""
    logging.basicConfig(level=logging.INFO)
    torch.set_num_threads(threads)
    cv2.setNumThreads(0)  # the loader's process is the parallelism
    recipe = Recipe(samples=samples, lr=lr)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    ) as progress:
        pool, words = prepare(data, out, recipe, progress)
        run = Run(recipe, pool, words, out)
        run.resume()
        train(run, Stream(pool, words, recipe.seed), progress, every=every, workers=workers)


if __name__ == "__main__":
    typer.run(main)
