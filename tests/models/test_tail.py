"""The fitted tail finds rates that were never counted, and says how it came by them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import genpareto

from models.calibration import fit_scores
from models.tail import FEWEST, Tail, fit_tail

N = 400_000
SCALE = {0.0: 0.05, -0.2: 0.14}  # the latter ends at a similarity of 1


def drawn(shape: float) -> np.ndarray:
    """Similarities whose best 5 % follow a generalized Pareto from 0.3 on, sorted falling."""
    random = np.random.default_rng(3)
    bulk = random.uniform(-0.3, 0.3, int(0.95 * N))
    tail = 0.3 + genpareto.rvs(shape, scale=SCALE[shape], size=N - len(bulk), random_state=random)
    return np.sort(np.concatenate([bulk, tail.clip(max=1)]))[::-1]


@pytest.mark.parametrize(("shape", "kind"), [(0.0, "exponential"), (-0.2, "generalized_pareto")])
def test_the_kind_of_tail_is_found(shape: float, kind: str) -> None:
    fitted = fit_tail(drawn(shape))
    assert fitted is not None
    assert fitted.kind == kind
    assert fitted.shape == pytest.approx(shape, abs=0.08)
    assert (fitted.aic_gain > 2) == (kind == "generalized_pareto")
    assert fitted.distance < 0.1


@pytest.mark.parametrize("shape", [0.0, -0.2])
def test_a_rate_that_was_not_counted_is_within_a_factor_of_three(shape: float) -> None:
    falling = drawn(shape)
    counted = fit_scores(np.linspace(0.4, 0.9, 500), falling[::8], data="a part")
    threshold = counted.threshold(1e-6)
    assert counted.extrapolated(1e-6)
    assert not counted.supported(1e-6)
    true = 0.05 * genpareto.sf(threshold - 0.3, shape, scale=SCALE[shape])
    assert 1e-6 / 3 < true < 3e-6


@given(st.floats(-0.4, 0.3), st.floats(1e-9, 1e-4))
def test_rate_and_similarity_are_inverse(shape: float, rare: float) -> None:
    tail = Tail(
        kind="generalized_pareto", start=0.4, share=1e-3, exceedances=250, scale=0.04,
        shape=shape, aic_gain=3, distance=0.02,
    )  # fmt: skip
    higher = tail.beyond(0.45, 1e-4, rare)
    assert higher >= 0.45
    assert tail.rate(0.45, 1e-4, higher) == pytest.approx(rare, rel=1e-6)


def test_no_tail_ends_before_the_largest_similarity_there_can_be() -> None:
    fitted = fit_tail(np.sort(np.random.default_rng(0).uniform(-0.5, 0.5, N))[::-1])
    assert fitted is not None
    if fitted.shape < 0:
        assert fitted.start - fitted.scale / fitted.shape >= 1 - 1e-6


def test_too_few_scores_have_no_tail() -> None:
    assert fit_tail(np.linspace(0.5, -0.5, 10 * FEWEST - 1)) is None
    assert fit_tail(np.zeros(10_000)) is None
