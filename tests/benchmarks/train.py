"""A training step here against the usual one, side by side: `python tests/benchmarks/train.py`.

The usual one is what AdaFace's own trainer does, written anew: float32 in NCHW, margins as dense
batch x classes matrices, torch.optim.SGD over everything. Ours is `training.run.Run.update`. Both
train the same network on the same pictures among the same classes. Speed is the median of rounds
that alternate in one process; memory is the peak resident size of a process that does nothing
else, above what it had before the network was built, so weights, gradients and momentum count.
Prints one line of figures each and exits with 1 where a bar is missed; quote the ratios, the
machine is noisy. With CUDA it also times IR-101 in bfloat16 at batch 512 (`--batch-ir101`).
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[2]))

from training import config
from training.backbones import build
from training.config import Recipe
from training.data.loader import Batch
from training.run import Run, pixels
from training.telemetry import utilization
from training.world import World

FASTER, SMALLER = 1.3, 0.6
IMAGES = 1_000_000  # only the learning rate depends on it
Step = Callable[[], object]


class DenseAdaFace(nn.Module):
    """The loss as it is usually written: about ten batch x classes matrices at a time."""

    def __init__(self, embedding: int, classes: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(embedding, classes).uniform_(-1, 1))
        self.mean, self.std = torch.tensor(20.0), torch.tensor(100.0)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        norms = features.norm(dim=1, keepdim=True)
        kernel = self.kernel / self.kernel.norm(dim=0, keepdim=True)
        cosines = (features / norms @ kernel).clamp(-1 + 1e-3, 1 - 1e-3)
        with torch.no_grad():
            safe = norms.clip(0.001, 100)
            self.mean = 0.01 * safe.mean() + 0.99 * self.mean
            self.std = 0.01 * safe.std() + 0.99 * self.std
            k = (0.333 * (safe - self.mean) / (self.std + 1e-3)).clip(-1, 1)
        angular = torch.zeros_like(cosines).scatter_(1, labels.view(-1, 1), 1.0)
        theta = cosines.acos()
        turned = (theta + angular * (-0.4 * k)).clip(1e-3, math.pi - 1e-3).cos()
        additive = torch.zeros_like(cosines).scatter_(1, labels.view(-1, 1), 1.0)
        logits = 64.0 * (turned - additive * (0.4 + 0.4 * k))
        return functional.cross_entropy(logits, labels)


def usual(recipe: Recipe, classes: int, batch: Batch, device: torch.device) -> Step:
    torch.manual_seed(0)
    backbone = build(recipe.architecture, embedding=recipe.embedding)
    backbone.to(device, memory_format=torch.contiguous_format).train()  # type: ignore[call-overload] # torch's stubs
    head = DenseAdaFace(backbone.shape.embedding, classes).to(device)
    head.mean, head.std = head.mean.to(device), head.std.to(device)
    how = recipe.optimizer
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, how.lr, how.momentum, weight_decay=how.weight_decay)

    def step() -> None:
        torch.set_float32_matmul_precision("highest")  # torch's default, which Run changes
        x = pixels(batch.images.to(device)).contiguous()
        loss = head(backbone(x), batch.labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def ours(recipe: Recipe, classes: int, batch: Batch, device: torch.device) -> Step:
    run = Run(recipe, classes, IMAGES, World(0, 1, device))
    run.backbone.train()

    def step() -> None:
        torch.set_float32_matmul_precision("high")
        run.update(batch)

    return step


SIDES = {"usual": usual, "ours": ours}


def recipe(options: argparse.Namespace) -> Recipe:
    changes = [
        f'architecture="{options.architecture}"',
        f"batch={options.batch}",
        f'hardware.precision="{options.precision}"',
        "embedding=512",
        "loss.scale=64.0",
        "loss.norm_weight=0",  # the usual loop has no such term
        "optimizer.warmup=0",
    ]
    return config.load("smoke", changes)


def prepared(side: str, options: argparse.Namespace) -> Step:
    torch.manual_seed(1)
    images = torch.randint(256, (options.batch, 112, 112, 3), dtype=torch.uint8)
    labels = torch.randint(options.classes, (options.batch,))
    batch = Batch(images, labels, torch.zeros(options.batch), 0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return SIDES[side](recipe(options), options.classes, batch, device)


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def timed(step: Step, steps: int) -> float:
    """Seconds for each of `steps`."""
    synchronize()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    synchronize()
    return (time.perf_counter() - started) / steps


def speeds(options: argparse.Namespace) -> dict[str, float]:
    """Images a second of each side."""
    steps = {side: prepared(side, options) for side in SIDES}
    for step in steps.values():
        timed(step, 2)  # warm
    spent: dict[str, list[float]] = {side: [] for side in SIDES}
    for turn in range(options.rounds):
        for side in sorted(steps, reverse=bool(turn % 2)):
            spent[side].append(timed(steps[side], options.steps))
    return {side: options.batch / median(times) for side, times in spent.items()}


def peak(side: str, options: argparse.Namespace) -> int:
    """Bytes that three steps of `side` need above what this process has now."""
    if torch.cuda.is_available():
        timed(prepared(side, options), 3)
        return torch.cuda.max_memory_allocated()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    timed(prepared(side, options), 3)
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def peaks() -> dict[str, int]:
    """Each side's peak, measured by this script in a process of its own."""
    command = [sys.executable, *sys.argv]
    return {side: int(subprocess.check_output([*command, "--peak", side])) for side in SIDES}


def ir101(batch: int) -> None:
    """IR-101 in bfloat16 as its recipe trains it, on pictures that are there already."""
    how = config.load("ir101_webface4m", [f"batch={batch}"])
    classes = how.data.classes or 205_990
    run = Run(how, classes, IMAGES, World(0, 1, torch.device("cuda")))
    run.backbone.train()
    images = torch.randint(256, (batch, 112, 112, 3), dtype=torch.uint8, device="cuda")
    labels = torch.randint(classes, (batch,), device="cuda")
    data = Batch(images, labels, torch.zeros(batch), 0)
    timed(lambda: run.update(data), 10)  # compiles
    speed = batch / median(timed(lambda: run.update(data), 10) for _ in range(5))
    memory = torch.cuda.max_memory_allocated() / 2**30
    mfu = utilization(run, speed)
    print(
        f"{torch.cuda.get_device_name()}, ir_101, bf16, batch {batch}, {classes} classes:"
        f" {speed:.0f} images/s, MFU {mfu if mfu is None else f'{mfu:.1%}'}, {memory:.1f} GiB"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", default="ir_starter")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--classes", type=int, default=100_000)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16", help="Ours.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="In a round.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch-ir101", type=int, default=512, help="With CUDA; 0: not timed.")
    parser.add_argument("--peak", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        print(peak(options.peak, options))
        return 0
    memory, speed = peaks(), speeds(options)
    faster, smaller = speed["ours"] / speed["usual"], memory["ours"] / memory["usual"]
    print(
        f"{options.architecture}, batch {options.batch}, {options.classes} classes,"
        f" {options.threads} threads: {speed['ours']:.1f} images/s against {speed['usual']:.1f},"
        f" {faster:.2f} times (bar {FASTER}); {memory['ours'] / 2**20:.0f} MiB against"
        f" {memory['usual'] / 2**20:.0f}, {smaller:.2f} times (bar {SMALLER})"
    )
    if torch.cuda.is_available() and options.batch_ir101:
        ir101(options.batch_ir101)
    return int(faster < FASTER or smaller > SMALLER)


if __name__ == "__main__":
    sys.exit(main())
