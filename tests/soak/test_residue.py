"""The slope that an hour is judged by."""

from __future__ import annotations

import math
import os

import pytest

from tests.soak.residue import HOUR, Holding, holding, slope


def series(growth: float, *, spike: float = 0) -> list[Holding]:
    """A minute's samples of memory that grows by `growth` MB a second, every ninth with a spike."""
    return [
        Holding(second, 300 + growth * second + spike * (second % 9 == 0), 20, 30)
        for second in range(60)
    ]


@pytest.mark.parametrize("growth", [0, 0.001, -0.5])
def test_a_few_spikes_do_not_hide_or_feign_growth(growth: float) -> None:
    assert slope(series(growth), "megabytes") == pytest.approx(growth * HOUR, abs=1e-6)
    spiked = slope(series(growth, spike=500), "megabytes")
    assert spiked == pytest.approx(growth * HOUR, abs=1)


def test_one_sample_has_no_slope() -> None:
    assert math.isnan(slope(series(1)[:1], "megabytes"))


def test_a_process_holds_memory_threads_and_descriptors() -> None:
    now = holding(os.getpid(), 0)
    assert now.megabytes > 1
    assert now.threads >= 1
    assert now.descriptors >= 3
