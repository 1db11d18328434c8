from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alignment import (
    CROP_SIZE,
    TEMPLATE,
    DegenerateLandmarks,
    align,
    density,
    similarity,
)

lengths = st.floats(0.05, 20)
angles = st.floats(-3.1, 3.1)
shifts = st.floats(-500, 500)


@settings(deadline=None)  # a machine may have other work
@given(lengths, angles, shifts, shifts)
def test_any_turn_scale_and_shift_of_the_template_is_undone(
    scale: float, angle: float, x: float, y: float
) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity(TEMPLATE @ turn.T + (x, y))
    back = (TEMPLATE @ turn.T + (x, y)) @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(back, TEMPLATE, atol=1e-6)


@settings(deadline=None)  # a machine may have other work
@given(st.lists(st.tuples(shifts, shifts), min_size=5, max_size=5, unique=True))
def test_no_other_similarity_fits_better(points: list[tuple[float, float]]) -> None:
    landmarks = np.array(points)
    if np.ptp(landmarks, axis=0).max() < 1:
        return
    matrix = similarity(landmarks)
    best = np.abs(landmarks @ matrix[:, :2].T + matrix[:, 2] - TEMPLATE) ** 2
    for change in (1e-3, -1e-3):
        nearby = matrix + change * np.array([[1, 0, 0], [0, 1, 0]]) / np.abs(landmarks).max()
        other = np.abs(landmarks @ nearby[:, :2].T + nearby[:, 2] - TEMPLATE) ** 2
        assert best.sum() <= other.sum() + 1e-9


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_points_that_coincide_or_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(DegenerateLandmarks):
        similarity(np.full((5, 2), bad))


def test_a_face_already_in_place_stays_there() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (CROP_SIZE, CROP_SIZE, 3), np.uint8)
    assert np.array_equal(align(picture, TEMPLATE), picture)


def test_what_lies_outside_the_photograph_is_black() -> None:
    white = np.full((50, 50, 3), 255, np.uint8)
    crop = align(white, TEMPLATE)
    assert crop[:49, :49].min() == 255
    assert crop[60:, 60:].max() == 0


@settings(deadline=None)  # a machine may have other work
@given(lengths, angles, shifts, shifts)
def test_density_is_how_much_larger_the_face_is_than_in_the_crop(
    scale: float, angle: float, x: float, y: float
) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert density(TEMPLATE @ turn.T + (x, y)) == pytest.approx(scale, rel=1e-6)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_where_nothing_can_be_cut_no_pixels_are_missing(bad: float) -> None:
    assert density(np.full((5, 2), bad)) == np.inf
