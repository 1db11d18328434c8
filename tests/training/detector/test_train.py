"""A killed run that resumes ends where an uninterrupted one does."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training.detector.batches import Shape  # noqa: E402
from training.detector.mosaic import Composer  # noqa: E402
from training.detector.train import Plan, Run, train  # noqa: E402

from .pictures import drawn  # noqa: E402

PLAN = Plan(steps=6, warmup=2, checkpoint_every=2, workers=0, shapes=(Shape(2, 64), Shape(1, 96)))


def _same(a: Run, b: Run) -> bool:
    pairs = zip(a.network.state_dict().values(), b.network.state_dict().values(), strict=True)
    averages = zip(a.average.state_dict().values(), b.average.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in [*pairs, *averages])


def test_a_resumed_run_equals_a_straight_one_bit_for_bit(tmp_path: Path) -> None:
    composer = Composer([drawn(seed) for seed in range(3)])
    straight = train(composer, PLAN, tmp_path / "straight.pt")
    train(composer, PLAN, tmp_path / "killed.pt", until=3)
    resumed = train(composer, PLAN, tmp_path / "killed.pt")
    assert resumed.step == straight.step == 6
    assert _same(straight, resumed)


def test_a_finished_run_takes_no_more_steps(tmp_path: Path) -> None:
    composer = Composer([drawn()])
    first = train(composer, PLAN, tmp_path / "run.pt")
    assert _same(first, train(composer, PLAN, tmp_path / "run.pt"))


def test_a_checkpoint_is_never_half_written(tmp_path: Path) -> None:
    Run(PLAN).save(tmp_path / "run.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


def test_the_rate_warms_up_and_then_falls_to_a_hundredth() -> None:
    plan = Plan(steps=1000, warmup=100)
    rates = [plan.pace_at(step) for step in range(1001)]
    assert rates.index(max(rates)) in (99, 100)
    assert max(rates) == pytest.approx(1)
    assert rates[-1] == pytest.approx(0.01)
