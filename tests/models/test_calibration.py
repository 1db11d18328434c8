from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import (
    CalibrationRefused,
    RateOutOfRange,
    ScoreCalibration,
    calibrate_scores,
    fit_scores,
    pairwise,
)
from models.metrics import (
    best_threshold,
    edc,
    fold_accuracy,
    spearman,
    threshold_at_fmr,
    tmr_at_fmr,
    wilson,
)

random = np.random.default_rng(0)
IMPOSTOR = np.clip(random.normal(0.0, 0.12, 200_000), -1, 1)
GENUINE = np.clip(random.normal(0.6, 0.15, 5_000), -1, 1)
FITTED = fit_scores(GENUINE, IMPOSTOR, data="normals")


@pytest.mark.parametrize("rate", [1e-1, 1e-2, 1e-3, 1e-4])
def test_no_more_impostors_match_than_were_asked_for(rate: float) -> None:
    observed = (FITTED.threshold(rate) <= IMPOSTOR).mean()
    assert observed <= rate
    assert observed >= 0.8 * rate - 1e-5


@given(st.floats(1e-8, 0.1), st.floats(1e-8, 0.1))
def test_a_rarer_rate_never_takes_less_similarity(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert FITTED.threshold(low) >= FITTED.threshold(high)


@given(st.floats(1e-5, 0.1))
def test_rate_and_threshold_are_inverse(rate: float) -> None:
    assert FITTED.fmr(FITTED.threshold(rate)) == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize("rate", [0.0, -1.0, 0.11, 1.0, float("nan")])
def test_a_rate_nobody_measured_is_refused(rate: float) -> None:
    with pytest.raises(RateOutOfRange):
        FITTED.threshold(rate)


def test_the_rule_of_three_says_what_is_supported() -> None:
    assert FITTED.supported(3 / 200_000)
    assert not FITTED.supported(2.9 / 200_000)
    flags = {point.fmr: point.supported for point in FITTED.thresholds}
    assert flags == {1e-1: True, 1e-2: True, 1e-3: True, 1e-4: True, 1e-5: False, 1e-6: False}


@given(st.floats(1e-4, 0.5), st.integers(1, 10_000))
def test_a_larger_gallery_takes_more_similarity(fpir: float, persons: int) -> None:
    threshold, fmr = FITTED.threshold_for_search(fpir, persons)
    larger, rarer = FITTED.threshold_for_search(fpir, 2 * persons)
    assert larger >= threshold
    assert rarer <= fmr
    if fmr < 0.1:  # not capped
        assert 1 - (1 - fmr) ** persons == pytest.approx(fpir, rel=1e-6)


def test_the_search_promise_holds_for_real_strangers() -> None:
    threshold, _ = FITTED.threshold_for_search(0.05, 100)
    best = np.random.default_rng(1).choice(IMPOSTOR, (5_000, 100)).max(axis=1)
    assert (best >= threshold).mean() == pytest.approx(0.05, abs=0.015)


def test_probability_is_even_where_both_classes_are_equally_likely() -> None:
    grid = np.linspace(-1, 1, 401)
    chances = [FITTED.probability(float(x)) for x in grid]
    assert chances == sorted(chances)
    even = grid[np.argmin(np.abs(np.array(chances) - 0.5))]
    assert 0.15 < even < 0.35


def test_a_calibration_survives_being_written_down() -> None:
    assert ScoreCalibration.model_validate_json(FITTED.model_dump_json()) == FITTED


floats = st.lists(st.floats(-5, 5).map(lambda x: round(x, 1)), min_size=3, max_size=30)


@settings(deadline=None)
@given(floats, st.randoms(use_true_random=False))
def test_spearman_is_scipys(values: list[float], shuffle: object) -> None:
    from scipy.stats import spearmanr

    other = list(values)
    shuffle.shuffle(other)
    if len(set(values)) > 1:
        expected = spearmanr(values, other).statistic
        assert spearman(np.array(values), np.array(other)) == pytest.approx(expected, abs=1e-9)


def test_wilson_gives_the_published_interval() -> None:
    assert wilson(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(0, 100)[0] == 0


@given(st.lists(st.tuples(st.floats(-1, 1), st.booleans()), min_size=2, max_size=40))
def test_the_best_threshold_is_beaten_by_none(pairs: list[tuple[float, bool]]) -> None:
    scores, same = np.array([s for s, _ in pairs]), np.array([t for _, t in pairs])
    best = ((scores >= best_threshold(scores, same)) == same).mean()
    for cut in [*scores, 2.0]:
        assert best >= ((scores >= cut) == same).mean() - 1e-12


def test_separable_pairs_are_all_right() -> None:
    scores = np.array([0.1, 0.9] * 20)
    assert fold_accuracy(scores, scores > 0.5, [n // 10 for n in range(40)]).mean == 1


def test_tmr_counts_what_passes_the_conservative_threshold() -> None:
    cut = threshold_at_fmr(IMPOSTOR, 1e-3)
    assert (cut <= IMPOSTOR).mean() <= 1e-3
    assert tmr_at_fmr(GENUINE, IMPOSTOR, 1e-3) == pytest.approx((cut <= GENUINE).mean())


def test_discarding_by_an_oracle_removes_the_errors_first() -> None:
    genuine = np.linspace(0, 1, 100)
    curve = edc(genuine, genuine, 0.2, (0.0, 0.1, 0.2, 0.3))
    assert curve[0] == pytest.approx(0.2)
    assert curve == sorted(curve, reverse=True)
    assert curve[2] == 0


def test_a_rate_above_the_largest_calibrated_one_is_not_supported() -> None:
    assert FITTED.supported(0.1)
    assert not FITTED.supported(0.11)


def test_millions_of_impostors_are_fitted_like_those_they_repeat() -> None:
    many = fit_scores(GENUINE, np.repeat(IMPOSTOR, 12), data="normals")
    assert many.impostors == 12 * FITTED.impostors
    assert many.slope == pytest.approx(FITTED.slope, rel=1e-4)
    assert many.intercept == pytest.approx(FITTED.intercept, rel=1e-4)


def people(count: int, images: int, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around a random direction for each person, and whom they show."""
    rng = np.random.default_rng(0)
    persons = np.repeat([f"person {n}" for n in range(count)], images)
    centers = np.repeat(rng.normal(size=(count, size)), images, axis=0)
    vectors = centers + 0.5 * rng.normal(size=centers.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), persons


@pytest.mark.parametrize("count", [2, 256, 301, 520])
def test_every_pair_is_compared_once(count: int) -> None:
    vectors, persons = people(count, 1)
    persons = np.arange(count) // 2
    genuine, impostor = pairwise(vectors, persons)
    first, second = np.triu_indices(count, k=1)
    wanted = (vectors @ vectors.T)[first, second].astype(float)
    same = persons[first] == persons[second]
    assert np.allclose(np.sort(genuine), np.sort(wanted[same]), atol=1e-6)
    assert np.allclose(np.sort(impostor), np.sort(wanted[~same]), atol=1e-6)


def test_vectors_of_known_people_calibrate() -> None:
    fitted = calibrate_scores(*people(40, 3), data="made up")
    assert (fitted.genuines, fitted.impostors) == (40 * 3, 120 * 119 // 2 - 120)
    assert fitted.thresholds[2].tmr == 1
    assert 0.2 < fitted.threshold(1e-3) < 0.8


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        (people(19, 2), "at least 20 people, 19 were"),
        (people(30, 1), "two images of at least one person"),
        ((people(30, 2)[0] * np.float32(np.nan), people(30, 2)[1]), "NaN"),
        ((np.empty(0, np.float32), np.empty(0, str)), "at least 20 people, 0 were"),
    ],
)
def test_vectors_that_cannot_calibrate_are_refused(
    given_: tuple[np.ndarray, np.ndarray], said: str
) -> None:
    with pytest.raises(CalibrationRefused, match=said):
        calibrate_scores(*given_, data="made up")
