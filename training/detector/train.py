"""The training loop: resumable at any step, with the weights' running average as its result."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.utils.data import DataLoader

from training.detector.assignment import Anchors
from training.detector.batches import SHAPES, Batch, Batches, Shape, as_input
from training.detector.loss import Losses, detector_loss
from training.detector.network import Detector, anchor_grid
from training.muon import Muon

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.detector.mosaic import Composer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; two runs with the same plan and data end with the same weights, bit for bit."""

    steps: int = 6000
    seed: int = 1
    rate: float = 3e-3
    muon_rate: float = 4e-3
    weight_decay: float = 0.02
    warmup: int = 200
    averaging: float = 0.998
    checkpoint_every: int = 100
    workers: int = 1
    shapes: Sequence[Shape] = SHAPES

    def pace_at(self, step: int) -> float:
        """Part of the peak learning rates: linear warm-up, then a half cosine down to 1 %."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1)))


class Run:
    """A network in training with its optimizer, its average, and the next step to take."""

    def __init__(self, plan: Plan) -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.step = 0
        self.network = Detector()
        self.average = Detector()
        self.average.load_state_dict(self.network.state_dict())
        self.muon, self.adam = _optimizers(self.network, plan)

    def take(self, batch: Batch) -> Losses:
        """One step of gradient descent on a batch."""
        self._set_rates()
        self.network.train()
        losses = self.losses(batch)
        self.network.zero_grad()
        torch.autograd.backward(torch.stack(losses).sum())
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.muon.step()
        self.adam.step()
        self._follow()
        self.step += 1
        return losses

    def _set_rates(self) -> None:
        pace = self.plan.pace_at(self.step)
        for optimizer, rate in ((self.muon, self.plan.muon_rate), (self.adam, self.plan.rate)):
            for group in optimizer.param_groups:
                group["lr"] = rate * pace

    def losses(self, batch: Batch) -> Losses:
        """The losses of the network as it is."""
        height, width = batch.pixels.shape[1:3]
        images = as_input(batch.pixels).contiguous(memory_format=torch.channels_last)
        return detector_loss(
            self.network(images), Anchors(*anchor_grid(height, width)), batch.targets
        )

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average; early on it forgets faster, so that it is useful from the first checkpoint."""
        share = max(1 - self.plan.averaging, 1 / (self.step / 4 + 1))
        target = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(target[name], share)
            else:
                value.copy_(target[name])

    def save(self, path: Path) -> None:
        """Write a checkpoint that is either whole or absent."""
        scratch = path.with_suffix(".tmp")
        torch.save(
            {"step": self.step, **{name: part.state_dict() for name, part in self._parts()}},
            scratch,
        )
        scratch.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, if there is one."""
        if path.exists():
            saved = torch.load(path, weights_only=True)
            self.step = saved["step"]
            for name, part in self._parts():
                part.load_state_dict(saved[name])

    def _parts(self) -> Iterator[tuple[str, nn.Module | torch.optim.Optimizer]]:
        yield "network", self.network
        yield "average", self.average
        yield "muon", self.muon
        yield "adam", self.adam


def _optimizers(network: nn.Module, plan: Plan) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the dense kernels inside the network; AdamW for the rest, which has no matrix shape.

    Weight decay is for kernels only: normalization and biases keep their scale.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    dense = [
        layer.get_parameter("weight")
        for layer in layers
        if layer.groups == 1 and layer.bias is None
    ]
    chosen = {id(weight) for weight in dense}
    others = [p for p in network.parameters() if id(p) not in chosen]
    groups: list[dict[str, object]] = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
    ]
    muon = Muon(dense, plan.muon_rate, weight_decay=plan.weight_decay)
    return muon, torch.optim.AdamW(groups, lr=plan.rate, foreach=True)


def train(composer: Composer, plan: Plan, checkpoint: Path, until: int | None = None) -> Run:
    """Train to the plan's end, or to step `until`, resuming from `checkpoint` if it exists."""
    run = Run(plan)
    run.resume(checkpoint)
    last = plan.steps if until is None else min(plan.steps, until)
    batches = Batches(composer, plan.seed, plan.steps, plan.shapes)
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(run.step, last),
        num_workers=plan.workers,
        persistent_workers=False,
    )
    with _progress() as progress:
        bar = progress.add_task("detector", total=plan.steps, completed=run.step, loss="")
        meter = Meter()
        for batch in loader:
            text = meter.read(run.take(batch), run.step, plan)
            progress.update(bar, completed=run.step, loss=text)
            if run.step % plan.checkpoint_every == 0:
                run.save(checkpoint)
    run.save(checkpoint)
    return run


class Meter:
    """Running means of the losses, logged every 50 steps with the time left."""

    def __init__(self) -> None:
        self._means: Tensor | None = None
        self._since = time.monotonic()
        self._steps = 0

    def read(self, losses: Losses, step: int, plan: Plan) -> str:
        """Take in a step's losses; the text to show beside the bar."""
        now = torch.stack([term.detach() for term in losses])
        self._means = now if self._means is None else self._means.lerp(now, 0.05)
        self._steps += 1
        text = " ".join(
            f"{name} {mean:.3f}"
            for name, mean in zip(Losses._fields, self._means.tolist(), strict=True)
        )
        if step % 50 == 0:
            pace = (time.monotonic() - self._since) / self._steps
            log.info(
                "step %d/%d  %s  %.2f s/step  %.0f min left",
                step,
                plan.steps,
                text,
                pace,
                pace * (plan.steps - step) / 60,
            )
        return text


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
