"""Error rates against brute force, closed forms and resampling done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models import discard
from models.metrics import (
    edc,
    fold_accuracy,
    folds_in_order,
    grid_accuracy,
    held_out_decisions,
    threshold_at_fmr,
    tmr_at_fmr,
    tmr_interval,
    tmr_nearest_fmr,
)

# Few distinct values, so that ties are common.
coarse = st.lists(st.integers(-10, 10).map(lambda x: x / 10), min_size=1, max_size=30)
rates = st.floats(0.001, 0.9)


def swept(genuine: NDArray, impostor: NDArray) -> list[tuple[float, float]]:
    """(FMR, TMR) at every threshold that separates two scores, all of them."""
    cuts = [*np.unique(np.concatenate([genuine, impostor])), 2.0]
    return [(float((impostor >= cut).mean()), float((genuine >= cut).mean())) for cut in cuts]


@settings(deadline=None)
@given(coarse, coarse, rates)
def test_tmr_is_the_best_that_keeps_fmr_at_or_below_the_rate(
    genuine: list[float], impostor: list[float], rate: float
) -> None:
    mates, strangers = np.array(genuine), np.array(impostor)
    allowed = [tmr for fmr, tmr in swept(mates, strangers) if fmr <= rate]
    assert tmr_at_fmr(mates, strangers, rate) == pytest.approx(max(allowed))


@settings(deadline=None)
@given(coarse, coarse, rates)
def test_nearest_tmr_is_that_of_the_reachable_rate_nearest_to_the_one_asked_for(
    genuine: list[float], impostor: list[float], rate: float
) -> None:
    mates, strangers = np.array(genuine), np.array(impostor)
    points = [*swept(mates, strangers), (1.0, 1.0)]
    best = min(abs(fmr - rate) for fmr, _ in points)
    near = [point for point in points if abs(point[0] - rate) < best + 1e-12]
    assert tmr_nearest_fmr(mates, strangers, rate) == pytest.approx(max(near)[1])


def test_float32_impostors_at_the_threshold_do_not_match() -> None:
    impostor = np.full(10, 0.3, np.float32)
    genuine = np.array([0.3, 0.4], np.float32)
    assert tmr_at_fmr(genuine, impostor, 0.1) == 0.5


def test_a_rate_that_floats_cannot_write_allows_as_many_as_it_means() -> None:
    impostor = np.arange(10_000) / 10_000
    assert (impostor >= threshold_at_fmr(impostor, 3e-4)).sum() == 3


def test_the_interval_is_that_of_resampling_comparisons() -> None:
    random = np.random.default_rng(3)
    genuine, impostor = random.normal(0.5, 0.2, 200), random.normal(0, 0.15, 500)
    by_hand = [
        tmr_at_fmr(random.choice(genuine, 200), random.choice(impostor, 500), 0.05)
        for _ in range(2000)
    ]
    ((lower, upper),) = tmr_interval(genuine, impostor, [0.05])
    assert (lower, upper) == pytest.approx(tuple(np.percentile(by_hand, [2.5, 97.5])), abs=0.02)
    assert lower < tmr_at_fmr(genuine, impostor, 0.05) < upper


def test_more_comparisons_narrow_the_interval() -> None:
    random = np.random.default_rng(4)

    def width(times: int) -> float:
        genuine, impostor = (
            random.normal(0.4, 0.2, 100 * times),
            random.normal(0, 0.1, 1000 * times),
        )
        ((lower, upper),) = tmr_interval(genuine, impostor, [0.01])
        return upper - lower

    assert width(25) < width(1) / 3


@settings(deadline=None)
@given(st.integers(1, 70))
def test_folds_are_runs_of_nearly_equal_length_in_file_order(pairs: int) -> None:
    folds = folds_in_order(pairs)
    lengths = np.bincount(folds)
    assert folds == sorted(folds)
    assert len(folds) == pairs
    assert lengths.max() - lengths.min() <= 1
    assert len(lengths) == min(10, pairs)


def test_folds_are_cut_as_the_published_scripts_cut_them() -> None:
    # sklearn's KFold(3, shuffle=False) on 8 samples: 3, 3 and 2.
    assert folds_in_order(8, 3) == [0, 0, 0, 1, 1, 1, 2, 2]


def test_each_fold_is_judged_by_the_others() -> None:
    # Fold 0 alone would separate at 0.5; the threshold of fold 1 lies at 0.85.
    scores = np.array([0.4, 0.6, 0.8, 0.9])
    same = np.array([False, True, False, True])
    right = held_out_decisions(scores, same, [0, 0, 1, 1])
    assert right.tolist() == [True, False, False, True]
    assert fold_accuracy(scores, same, [0, 0, 1, 1]) == (0.5, 0.0)


def test_grid_accuracy_is_the_published_loop() -> None:
    random = np.random.default_rng(5)
    same = random.random(60) < 0.5
    scores = np.clip(np.where(same, 0.5, 0.1) + random.normal(0, 0.25, 60), -1, 1)
    folds = folds_in_order(60)
    distance, accuracies = 2 - 2 * scores, []
    for fold in range(10):
        held = np.array(folds) == fold
        counts = [
            sum((d < cut) == s for d, s in zip(distance[~held], same[~held], strict=True))
            for cut in np.arange(0, 4, 0.01)
        ]
        cut = np.arange(0, 4, 0.01)[int(np.argmax(counts))]
        accuracies.append(np.mean((distance[held] < cut) == same[held]))
    found = grid_accuracy(scores, same, folds)
    assert found.mean == pytest.approx(np.mean(accuracies))
    assert found.std == pytest.approx(np.std(accuracies))


errs = st.lists(st.booleans(), min_size=1, max_size=25)


@settings(deadline=None)
@given(errs)
def test_a_quality_that_is_the_same_everywhere_saves_nothing(errors: list[bool]) -> None:
    curve = discard.discard_curve(np.array(errors), np.ones(len(errors)))
    assert curve == pytest.approx(np.full(len(errors), np.mean(errors)))


@settings(deadline=None)
@given(errs)
def test_the_oracle_is_its_closed_form_and_beaten_by_none(errors: list[bool]) -> None:
    wrong = np.array(errors)
    oracle = discard.oracle_curve(float(wrong.mean()), len(wrong))
    assert discard.discard_curve(wrong, ~wrong * 1.0) == pytest.approx(oracle)
    shuffled = np.random.default_rng(0).permutation(len(wrong)) * 1.0
    assert (discard.discard_curve(wrong, shuffled) >= oracle - 1e-12).all()


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=12))
def test_ties_leave_in_random_order(pairs: list[tuple[bool, int]]) -> None:
    errors = np.array([wrong for wrong, _ in pairs])
    quality = np.array([value for _, value in pairs], np.float64)
    random, runs = np.random.default_rng(0), []
    for _ in range(400):
        order = np.lexsort((random.random(len(errors)), quality))
        runs.append([errors[order][n:].mean() for n in range(len(errors))])
    curve = discard.discard_curve(errors, quality)
    assert curve == pytest.approx(np.mean(runs, axis=0), abs=0.15)
    assert curve == pytest.approx(discard.discard_curve(errors[::-1], quality[::-1]))


def test_random_quality_is_flat_on_average() -> None:
    random = np.random.default_rng(6)
    errors = random.random(4000) < 0.1
    curve = discard.discard_curve(errors, random.random(4000))
    flat = discard.random_curve(float(errors.mean()), 4000)
    assert np.abs(curve - flat)[:2000].max() < 0.015


def test_the_area_is_that_of_steps() -> None:
    curve = np.array([0.4, 0.2, 0.1, 0.0, 0.0])
    assert discard.area(curve, 0.2) == pytest.approx(0.4 * 0.2)
    assert discard.area(curve, 0.3) == pytest.approx(0.4 * 0.2 + 0.2 * 0.1)
    assert discard.area(curve, 0.6) == pytest.approx(0.7 * 0.2)
    assert [discard.at(curve, share) for share in (0, 0.19, 0.2, 0.6)] == [0.4, 0.4, 0.2, 0.0]


def test_the_area_of_a_good_quality_stays_below_that_of_none() -> None:
    random = np.random.default_rng(7)
    errors = random.random(1500) < 0.08
    good = random.normal(0, 1, 1500) - 2.0 * errors
    flat = 0.2 * float(errors.mean())
    value, lower, upper = discard.area_with_interval(errors, good, 0.2)
    assert lower < value < upper < flat
    _, lower, upper = discard.area_with_interval(errors, random.normal(0, 1, 1500), 0.2)
    assert lower < flat < upper


def test_edc_reads_the_curve_at_the_shares_asked_for() -> None:
    genuine = np.array([0.1, 0.2, 0.8, 0.9])
    assert edc(genuine, np.array([1, 2, 3, 4]), 0.5, (0, 0.25, 0.5)) == pytest.approx(
        [0.5, 1 / 3, 0.0]
    )
