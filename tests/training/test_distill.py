"""A run is a function of its recipe: however often it is stopped, the same weights come out."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.progress import Progress

from training import checkpoint
from training.data.crops import UNKNOWN, Crops
from training.data.stream import Stream, batches
from training.data.targets import Targets, load, save
from training.distill import Recipe, Run, train

RECIPE = Recipe(samples=48, batch=8, lr=0.01, warmup=2, mixtures=8)


def pool() -> tuple[Crops, Targets]:
    """40 crops of 10 people, the last two unknown, and 8 mixtures; the teacher is random."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, 112, 112, 3), np.uint8)
    labels = np.array([n % 10 for n in range(38)] + [UNKNOWN] * 2)
    words = random.normal(size=(48, 128)).astype(np.float32)
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    pairs = random.integers(0, 40, (8, 2))
    return Crops(images, labels), Targets(words, pairs, np.full(8, 0.5, np.float32))


def trained(out: Path, *, stop_at: int | None = None) -> Run:
    """A run up to `stop_at` steps, or to its end, going on from what lies in `out`."""
    crops, targets = pool()
    run = Run(RECIPE, crops, targets, out)
    run.resume()
    stream = Stream(crops, targets, RECIPE.seed)
    if stop_at is None:
        with Progress(disable=True) as progress:
            train(run, stream, progress, every=100, workers=0)
        return run
    run.student.train()
    for batch in batches(stream, run.step * RECIPE.batch, stop_at * RECIPE.batch, RECIPE.batch, 0):
        run.update(batch)
    run.save()
    return run


def test_a_run_that_was_stopped_ends_bit_for_bit_like_one_that_was_not(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    trained(tmp_path / "parts", stop_at=2)
    trained(tmp_path / "parts", stop_at=3)
    parts = trained(tmp_path / "parts")
    assert whole.step == parts.step == 6
    for name, value in whole.student.state_dict().items():
        assert torch.equal(value, parts.student.state_dict()[name]), name


def test_a_term_signal_ends_the_run_with_a_checkpoint(tmp_path: Path) -> None:
    crops, targets = pool()
    run = Run(dataclasses.replace(RECIPE, samples=80_000), crops, targets, tmp_path)
    stream = Stream(crops, targets, 0)
    before = signal.getsignal(signal.SIGTERM)
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        with Progress(disable=True) as progress:
            train(run, stream, progress, every=10**6, workers=0)
    finally:
        signal.signal(signal.SIGTERM, before)
    kept = checkpoint.load(tmp_path / "student.pt")
    assert kept is not None
    assert 0 < kept["step"] == run.step < 10_000


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(tmp_path: Path) -> None:
    crops, targets = pool()
    run = Run(RECIPE, crops, targets, tmp_path)
    with torch.no_grad():
        run.student.head.weight.fill_(float("nan"))
    [batch] = batches(Stream(crops, targets, 0), 0, 8, 8, 0)
    with pytest.raises(FloatingPointError, match="step 0"):
        run.update(batch)


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    rates = [RECIPE.rate(step) for step in range(RECIPE.steps + 1)]
    assert rates[0] == RECIPE.lr / 2
    assert max(rates) == RECIPE.lr
    assert rates[-1] == 0


def test_a_sample_is_the_same_for_any_number_of_workers() -> None:
    stream = Stream(*pool(), seed=3)
    alone, shared = (list(batches(stream, 8, 40, 8, workers)) for workers in (0, 2))
    for a, b in zip(alone, shared, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
        assert float(a.severity.min()) >= 0
        assert float(a.severity.max()) <= 1


def test_a_later_epoch_shows_other_views() -> None:
    stream = Stream(*pool(), seed=3)
    size = len(stream)
    first = {tuple(stream[n].target.tolist()): stream[n].image for n in range(size)}
    again = [stream[size + n] for n in range(size)]
    assert {tuple(sample.target.tolist()) for sample in again} == set(first)
    changed = sum(not torch.equal(s.image, first[tuple(s.target.tolist())]) for s in again)
    assert changed > size * 0.8


def test_the_pool_comes_back_from_its_cache(tmp_path: Path) -> None:
    crops, targets = pool()
    save(tmp_path / "pool.npz", crops, targets)
    kept_crops, kept_targets = load(tmp_path / "pool.npz")
    assert np.array_equal(kept_crops.images, crops.images)
    assert np.array_equal(kept_targets.embeddings, targets.embeddings)


SAVE = """
import resource, signal, sys, torch
from pathlib import Path
from training import checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    checkpoint.save(Path(sys.argv[1]), {"weights": torch.ones(100_000), "step": 2})
except (OSError, RuntimeError):
    sys.exit(7)
"""


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "student.pt"
    checkpoint.save(path, {"weights": torch.zeros(4), "step": 1})
    ran = subprocess.run([sys.executable, "-c", SAVE, path], check=False, capture_output=True)
    assert ran.returncode == 7, ran.stderr
    kept = checkpoint.load(path)
    assert kept is not None
    assert kept["step"] == 1


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("true",))


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "student.pt"
    torch.save({"weights": Malicious()}, path)
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load(path)
