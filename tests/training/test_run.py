"""What a run keeps of itself: whole or not at all, and nothing of a step that overflowed."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tests.training.test_train import ALONE, recipe, weights
from training import snapshot
from training.data.loader import Batch, loader
from training.data.synthetic import Synthetic
from training.run import Run
from training.snapshot import BadSnapshot


def batch() -> Batch:
    return next(iter(loader(Synthetic(8, 4), batch=8, last_step=1, seed=0)))


@contextmanager
def full_disk(left: int) -> Iterator[None]:
    """The system refuses files of more than `left` bytes, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("left", [2, 4_000, 100_000])
def test_a_full_disk_is_one_sentence_and_costs_no_snapshot(tmp_path: Path, left: int) -> None:
    run = Run(recipe(tmp_path), 8, 32, ALONE)
    run.update(batch())
    run.save(tmp_path / "snapshots", "data", keep=1)
    run.update(batch())
    with (
        full_disk(left),
        pytest.raises(OSError, match=r"step-000000002 could not be written.*room"),
    ):
        run.save(tmp_path / "snapshots", "data", keep=1)
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["step-000000001"]
    run.save(tmp_path / "snapshots", "data", keep=1)  # there is room again
    assert snapshot.steps(tmp_path / "snapshots") == [2]


@pytest.mark.parametrize(
    "name",
    [
        "backbone.safetensors",
        "head-00000.safetensors",
        "optimizer.pt",
        "random-00000.pt",
        "state.json",
    ],
)
@pytest.mark.parametrize("left", [0, 10, 0.5, None])
def test_a_damaged_snapshot_says_so(tmp_path: Path, name: str, left: float | None) -> None:
    run = Run(recipe(tmp_path), 8, 32, ALONE)
    kept = run.save(tmp_path / "snapshots", "data", keep=1)
    if left is None:
        (kept / name).unlink()
    else:
        os.truncate(
            kept / name, int(left * (kept / name).stat().st_size) if left < 1 else int(left)
        )
    with pytest.raises(BadSnapshot, match=f"{kept.name} is damaged.*delete it"):
        run.restore(kept, "data")


def test_nothing_is_taken_over_from_a_step_whose_float16_gradient_overflowed(
    tmp_path: Path,
) -> None:
    run = Run(recipe(tmp_path, "hardware.precision=fp16"), 8, 32, ALONE)
    run.update(batch())
    state = run.scaler.state_dict()
    run.scaler.load_state_dict({**state, "scale": 1e38})
    before = {name: value.clone() for name, value in weights(run).items()}
    averaged = int(run.average.n_averaged) if run.average else 0
    overflowed = run.update(batch())
    assert not overflowed.gradient.isfinite()
    assert overflowed.loss.isfinite()
    assert run.scaler.get_scale() < 1e38
    learned = [name for name, _ in run.backbone.named_parameters()] + ["weight"]
    assert all(torch.equal(before[name], weights(run)[name]) for name in learned)
    assert run.average is not None
    assert int(run.average.n_averaged) == averaged
    run.scaler.load_state_dict({**state, "scale": 1.0})
    run.update(batch())
    assert not torch.equal(before["weight"], run.head.weight)
    assert all(value.isfinite().all() for value in weights(run).values())


def test_a_run_goes_on_upon_other_hardware(tmp_path: Path) -> None:
    run = Run(recipe(tmp_path), 8, 32, ALONE)
    kept = run.save(tmp_path / "snapshots", "data", keep=1)
    other = Run(recipe(tmp_path, "hardware.precision=fp16", "hardware.workers=3"), 8, 32, ALONE)
    other.restore(kept, "data")
    assert all(
        torch.equal(a, b)
        for a, b in zip(weights(run).values(), weights(other).values(), strict=True)
    )
