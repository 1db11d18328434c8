"""What a search of many promises is counted on real galleries, and holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import calibrate_scores
from models.identification import fpir_at, search
from models.searches import SearchCheck, alarm_rate, comparisons, fused
from tests.models.test_bootstrap import population


def check(persons: int, factor: float) -> SearchCheck:
    return SearchCheck(persons=persons, strangers=9, fpir=0.01, observed=0.01, factor=factor)


@given(st.lists(st.floats(1, 10), min_size=1, max_size=4), st.integers(0, 10_000_000))
def test_a_larger_gallery_counts_more_and_never_less_than_its_size(
    factors: list[float], persons: int
) -> None:
    checks = tuple(check(10 ** (n + 1), factor) for n, factor in enumerate(factors))
    count = comparisons(checks, persons)
    assert count >= max(1, persons) * (1 - 1e-9)
    assert comparisons(checks, 2 * persons + 1) >= count
    assert comparisons((), persons) == max(1, persons)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.integers(1, 12))
def test_the_alarm_rate_is_that_of_drawing_galleries(above: list[int], size: int) -> None:
    from math import comb

    expected = np.mean([1 - comb(12 - k, size) / comb(12, size) for k in above])
    assert alarm_rate(np.array(above), 12, size) == pytest.approx(expected, abs=1e-9)


def test_templates_add_up_features() -> None:
    vectors = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    made = fused(vectors, np.array([0, 0, 1]), np.array([3.0, 4.0, 9.0]))
    assert made == pytest.approx(np.array([[0.6, 0.8], [0, 1]]))


def test_the_search_promise_holds_where_comparisons_depend_on_each_other() -> None:
    """People crowd along one axis, so that some probes are like many: new ones keep the FPIR."""
    vectors, persons = population(5, people=400, images=2)
    fitted = calibrate_scores(vectors, persons, np.ones(len(vectors)), data="drawn")
    assert [each.persons for each in fitted.searches] == [10, 30, 100, 300]
    others, owners = population(6, people=700, images=2)
    for size in (30, 300):
        threshold, _ = fitted.threshold_for_search(0.01, size)
        enrolled = owners < size
        gallery = fused(others[enrolled], owners[enrolled], np.ones(enrolled.sum()))
        unknown = owners >= 300
        found = search(others[unknown], owners[unknown], gallery, np.arange(size))
        assert fpir_at(found, threshold) <= 0.02
        assert fitted.fpir(threshold, size) == pytest.approx(0.01, rel=1e-6)
