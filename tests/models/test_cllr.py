"""Log-likelihood ratios are priced as the literature prices them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cllr import cllr, isotonic, min_cllr

scores = st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=25)


def test_ratios_that_say_nothing_cost_one_bit_and_certain_ones_none() -> None:
    assert cllr(np.zeros(3), np.zeros(5)) == pytest.approx(1)
    assert cllr(np.full(3, 40.0), np.full(5, -40.0)) < 1e-9
    assert cllr(np.full(3, -4.0), np.full(5, 4.0)) > 5  # sure of the contrary


@settings(deadline=None)
@given(scores, scores)
def test_no_calibration_is_better_than_the_best(
    genuine: list[float], impostor: list[float]
) -> None:
    mates, strangers = np.array(genuine), np.array(impostor)
    best = min_cllr(mates, strangers)
    assert -1e-12 <= best <= 1 + 1e-12
    for slope, offset in ((0.0, 0.0), (0.3, 0.1), (2.0, -1.0)):
        assert best <= cllr(slope * mates + offset, slope * strangers + offset) + 1e-9


def test_separable_scores_lose_nothing_and_reversed_ones_everything() -> None:
    assert min_cllr(np.array([0.8, 0.9]), np.array([0.1, 0.2])) == pytest.approx(0)
    assert min_cllr(np.array([0.1]), np.array([0.9])) == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.1, 5)), min_size=1, max_size=20))
def test_isotonic_is_the_maximum_of_minima(pairs: list[tuple[float, float]]) -> None:
    """The closed form of the fit: max over starts of min over ends of the mean in between."""
    values, weights = (np.array(part) for part in zip(*pairs, strict=True))
    fitted = isotonic(values, weights)
    for i in range(len(values)):
        best = max(
            min(
                np.average(values[a : b + 1], weights=weights[a : b + 1])
                for b in range(i, len(values))
            )
            for a in range(i + 1)
        )
        assert fitted[i] == pytest.approx(best, abs=1e-9)
