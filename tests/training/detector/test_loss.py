"""The losses against closed forms, and a run whose loss falls."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training.detector.batches import Batches, Shape  # noqa: E402
from training.detector.loss import WING, WING_CURVE, distance_iou, quality_focal, wing  # noqa: E402
from training.detector.mosaic import Composer  # noqa: E402
from training.detector.train import Plan, Run  # noqa: E402

from .pictures import drawn  # noqa: E402


@pytest.mark.parametrize(
    ("other", "iou", "diou"),
    [
        ([0, 0, 10, 10], 1.0, 1.0),
        ([5, 0, 15, 10], 1 / 3, 1 / 3 - 25 / 325),
        ([10, 10, 20, 20], 0.0, -200 / 800),
        ([20, 0, 30, 10], 0.0, -400 / 1000),
    ],
)
def test_distance_iou_equals_its_closed_form(other: list[float], iou: float, diou: float) -> None:
    found = distance_iou(
        torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([other], dtype=torch.float32)
    )
    assert found[0].item() == pytest.approx(iou, abs=1e-6)
    assert found[1].item() == pytest.approx(diou, abs=1e-6)


def test_wing_is_logarithmic_near_zero_linear_far_away_and_continuous() -> None:
    errors = torch.tensor([0.0, WING / 2, WING - 1e-6, WING + 1e-6, 1.0])
    values = wing(errors).tolist()
    assert values[0] == 0
    assert values[1] == pytest.approx(WING * math.log(1 + WING / 2 / WING_CURVE))
    assert values[2] == pytest.approx(values[3], abs=1e-4)
    assert values[4] - values[3] == pytest.approx(1 - WING, abs=1e-4)


def test_quality_focal_vanishes_at_its_target_and_forgives_easy_negatives() -> None:
    quality = torch.tensor([0.8, 0.0, 0.0])
    logits = torch.tensor([math.log(4.0), -6.0, 2.0])
    values = quality_focal(logits, quality)
    assert values[0].item() == pytest.approx(0, abs=1e-6)
    assert values[1] < 1e-6 * values[2] + 1e-4


def test_a_tiny_runs_loss_falls() -> None:
    shapes = (Shape(4, 64),)
    batch = Batches(Composer([drawn(seed) for seed in range(6)]), 3, 1, shapes)[0]
    run = Run(Plan(steps=1000, warmup=3, shapes=shapes))
    totals = [sum(term.item() for term in run.take(batch)) for _ in range(20)]
    assert sum(totals[-3:]) < 0.75 * sum(totals[:3])


def test_the_running_average_follows_the_network(tmp_path: Path) -> None:
    shapes = (Shape(2, 64),)
    batches = Batches(Composer([drawn()]), 3, 2, shapes)
    run = Run(Plan(steps=2, shapes=shapes, averaging=0.5))
    before = run.average.heads[0].score.weight.clone()
    run.take(batches[0])
    run.take(batches[1])
    now, ahead = run.average.heads[0].score.weight, run.network.heads[0].score.weight
    assert not torch.equal(before, now)
    assert (now - ahead).norm() < (before - ahead).norm()
