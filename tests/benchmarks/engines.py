"""Faces a second of one recognizer on bare ONNX Runtime and on Winograd, in alternating rounds.

`.venv/bin/python tests/benchmarks/engines.py [BUNDLE ...]`; without a bundle IR-101 with random
weights, which the training environment makes once, and the starter. The machine is noisy: quote
ratios, which are medians over rounds of what one round gave both. Exit status 1 where IR-101 is
not 1.4 times as fast, or answers otherwise.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from models import bundle as bundles
from models.golden import Recognize, picture
from service.embedding import Recognizer
from service.engine import open_recognizer
from service.onnx import open_session
from service.settings import STARTER, Settings
from tests.bench.engine import bundle as ir101

BATCHES, ROUNDS, LEAST = (1, 2, 4, 8), 7, 1.4
EXACT = 0.99999
Rates = Mapping[int, list[float]]  # faces a second of every round, by batch


class Outcome(NamedTuple):
    parameters: int
    speedup: float
    cosine: float

    @property
    def good(self) -> bool:
        small = self.parameters < 10_000_000
        return self.cosine >= EXACT and (small or self.speedup >= LEAST)


def rate(recognize: Recognize, crops: np.ndarray, *, at_least: float) -> float:
    started, faces = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < at_least or not faces:
        recognize(crops)
        faces += len(crops)
    return faces / spent if spent else faces / (time.perf_counter() - started)


def rounds(engines: Mapping[str, Recognize], crops: np.ndarray) -> dict[str, Rates]:
    """Every engine at every batch in every round, so that a busy moment meets them all."""
    reached: dict[str, dict[int, list[float]]] = {name: {} for name in engines}
    for number in range(1 + ROUNDS):
        for batch in BATCHES:
            for name, recognize in engines.items():
                found = rate(recognize, crops[:batch], at_least=0.3)
                if number:  # the first round warms
                    reached[name].setdefault(batch, []).append(found)
    return dict(reached)


def best(rates: Rates) -> int:
    """The batch with the highest median."""
    return max(rates, key=lambda batch: median(rates[batch]))


def compare(directory: Path, data: Path) -> Outcome:
    bundle = bundles.load(directory)
    threads = len(os.sched_getaffinity(0))
    bare = Recognizer(open_session(bundle.recognizer, provider="cpu", threads=threads))
    settings = Settings(bundle=directory, data_dir=data, engine="winograd")
    fast = open_recognizer(bundle, settings)
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (4, 112, 112, 3), np.uint8)
    crops = np.concatenate([np.stack([picture(seed) for seed in range(10, 14)]), noise])
    ours, theirs = fast(crops), bare(crops)
    cosine = float(np.einsum("nd,nd->n", ours.embeddings, theirs.embeddings).min())
    drift = float(np.abs(ours.norms / theirs.norms - 1).max())
    reached = rounds({"onnxruntime": bare, "winograd": fast}, crops)
    print(
        f"{bundle.manifest.id}: {threads} threads, {ROUNDS} rounds, load {os.getloadavg()[0]:.1f}"
    )
    print("engine        batch  faces/s (median)  ratio to onnxruntime at that batch (median)")
    for name, rates in reached.items():
        for batch, values in rates.items():
            ratios = [a / b for a, b in zip(values, reached["onnxruntime"][batch], strict=True)]
            print(f"{name:12}  {batch:5}  {median(values):16.2f}  {median(ratios):5.2f}")
    mine, base = (reached[name] for name in ("winograd", "onnxruntime"))
    pairs = zip(mine[best(mine)], base[best(base)], strict=True)
    speedup = median(a / b for a, b in pairs)
    print(
        f"best batches, {best(mine)} against {best(base)}: {speedup:.2f} times; cosine {cosine:.7f},"
        f" norms within {drift:.1e}"
    )
    return Outcome(bundle.manifest.parameters, speedup, cosine)


def main() -> None:
    given = [Path(each) for each in sys.argv[1:]] or [ir101(), STARTER]
    with tempfile.TemporaryDirectory() as data:
        outcomes = [compare(directory, Path(data)) for directory in given]
    summary = " ".join(f"{each.speedup:.2f}x/{each.cosine:.6f}" for each in outcomes)
    held = all(each.good for each in outcomes)
    print(f"engines: {summary} {'ok' if held else 'missed'}")
    sys.exit(not held)


if __name__ == "__main__":
    main()
