"""What similarities decide, and where nobody can be two people."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import ScoreCalibration, Threshold
from service.assignment import assigned
from service.decision import Point, compared, searched
from service.fusion import against_the_rest, fused
from service.points import interval, point_at

POINT = Point(0.4, interval=(0.38, 0.43), slope=20.0)
cosines = st.floats(-1, 1, allow_nan=False)


def calibration(**changes: object) -> ScoreCalibration:
    """Thresholds a tenth of similarity apart, each known to a hundredth."""
    points = [
        Threshold(
            fmr=10.0**-n,
            threshold=0.1 + n / 10,
            false_matches=1,
            fmr_lower=0,
            fmr_upper=1,
            threshold_lower=0.09 + n / 10,
            threshold_upper=0.12 + n / 10,
            supported=n < 4,
        ).model_copy(update=changes)
        for n in range(1, 6)
    ]
    return ScoreCalibration(
        data="drawn", impostors=10**4, genuines=10, thresholds=points, slope=20, intercept=-8
    )


@pytest.mark.parametrize(
    ("similarity", "outcome", "reasons"),
    [
        (0.9, "match", ()),
        (0.43, "match", ()),
        (0.42, "inconclusive", ("near_threshold",)),
        (0.38, "inconclusive", ("near_threshold",)),
        (0.37, "no_match", ()),
        (-1.0, "no_match", ()),
    ],
)
def test_within_the_interval_of_the_threshold_nobody_can_tell(
    similarity: float, outcome: str, reasons: tuple[str, ...]
) -> None:
    assert compared(similarity, POINT, poor=False) == (outcome, reasons)
    assert searched([similarity], POINT, poor=False) == (outcome, reasons)


def test_a_threshold_that_was_asked_for_is_exact() -> None:
    point = point_at(calibration(), 0.4)
    assert compared(0.4, point, poor=False).outcome == "match"
    assert compared(0.3999, point, poor=False).outcome == "no_match"


@given(cosines)
def test_a_poor_face_decides_nothing_either_way(similarity: float) -> None:
    decision = compared(similarity, POINT, poor=True)
    assert decision.outcome == "inconclusive"
    assert decision.reasons[0] == "low_quality_probe"


def test_two_persons_who_are_alike_are_ambiguous_and_a_clear_first_is_not() -> None:
    assert searched([0.7, 0.65], POINT, poor=False) == ("inconclusive", ("ambiguous_candidates",))
    assert searched([0.7, 0.5], POINT, poor=False).outcome == "match"
    below = searched([0.45, 0.39], POINT, poor=False)
    assert below.outcome == "match"  # the second is below the threshold and nobody's name


def test_without_a_calibration_only_equals_are_ambiguous() -> None:
    bare = Point(0.4)
    assert searched([0.7, 0.7], bare, poor=False).reasons == ("ambiguous_candidates",)
    assert searched([0.7, 0.6999], bare, poor=False).outcome == "match"


@given(st.lists(cosines.filter(lambda value: value < 0.38), max_size=5).map(sorted))
def test_a_stranger_is_no_match_however_near_the_nearest_is(rising: list[float]) -> None:
    assert searched(rising[::-1], POINT, poor=False) == ("no_match", ())


def test_the_interval_moves_with_the_rate_and_the_nearest_counted_one() -> None:
    assert interval(calibration(), 1e-2) == pytest.approx((0.29, 0.32))
    lower, upper = interval(calibration(), 3e-3) or (0, 0)
    assert upper - lower == pytest.approx(0.03)
    beyond = interval(calibration(), 1e-5)  # not supported: as wide as the last that is
    assert beyond is not None
    assert beyond[1] - beyond[0] == pytest.approx(0.03)
    assert interval(calibration(threshold_lower=None), 1e-2) is None


@st.composite
def photographs(draw: st.DrawFn) -> tuple[list[dict[str, float]], float]:
    """Candidates of up to four faces among up to four persons, and a threshold."""
    faces = draw(st.integers(0, 4))
    persons = draw(st.lists(st.sampled_from("abcd"), unique=True))
    near = [{p: draw(cosines) for p in persons if draw(st.booleans())} for _ in range(faces)]
    return near, draw(cosines)


def worth(near: list[dict[str, float]], chosen: tuple[str | None, ...], threshold: float) -> float:
    """The sum above the threshold, -inf where somebody is there twice or is no candidate."""
    named = [person for person in chosen if person is not None]
    if len(set(named)) < len(named):
        return -np.inf
    pairs = [(each, person) for each, person in zip(near, chosen, strict=True) if person]
    if any(each.get(person, -2) < threshold for each, person in pairs):
        return -np.inf
    return sum(each[person] - threshold for each, person in pairs)


@settings(deadline=None)
@given(photographs())
def test_no_two_faces_of_a_photograph_get_one_person_and_the_choice_is_the_best(
    drawn: tuple[list[dict[str, float]], float],
) -> None:
    near, threshold = drawn
    chosen = assigned(near, threshold)
    assert len(chosen) == len(near)
    best = max(worth(near, each, threshold) for each in product((None, *"abcd"), repeat=len(near)))
    assert worth(near, tuple(chosen), threshold) == pytest.approx(best, abs=1e-6)


def test_the_face_that_is_most_like_a_person_keeps_them() -> None:
    assert assigned([{"a": 0.9}, {"a": 0.8, "b": 0.5}, {"a": 0.7}], 0.4) == ["a", "b", None]


def test_a_fused_vector_leans_to_the_longer_features() -> None:
    axes = np.eye(2, dtype=np.float32)
    one = fused(axes, np.array([3.0, 1.0]))
    assert one == pytest.approx([3 / 10**0.5, 1 / 10**0.5])
    assert fused(np.stack([axes[0], -axes[0]]), np.ones(2)) == pytest.approx([0, 0])


def test_the_odd_one_out_shows_against_the_rest() -> None:
    axes = np.eye(3, dtype=np.float32)
    faces = np.stack([axes[0], axes[0], axes[0], axes[1]])
    assert against_the_rest(faces, np.ones(4))[3] == pytest.approx(0)
    assert against_the_rest(faces, np.ones(4))[:3].min() > 0.8
    assert against_the_rest(faces[:1], np.ones(1)).shape == (0,)
