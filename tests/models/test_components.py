"""What is measured of a face image points the way that its name says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alignment import TEMPLATE
from models.components import _MEAN_FACE, components, pose
from models.degradation import DEGRADATIONS

FRAME = (200, 160)


def picture(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (14, 14, 3), np.uint8)
    return cv2.resize(small, (112, 112), interpolation=cv2.INTER_CUBIC)


def turned(yaw: float, pitch: float, roll: float, scale: float = 40.0) -> np.ndarray:
    """The mean face's landmarks after it turned by angles in degrees, signed as ISO has them."""
    y, p, r = np.radians([yaw, -pitch, -roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return scale * (_MEAN_FACE @ (about_z @ about_y @ about_x).T)[:, :2] + 80


@settings(deadline=None)
@given(st.floats(-60, 60), st.floats(-40, 40), st.floats(-90, 90))
def test_the_pose_of_the_mean_face_is_found_again(yaw: float, pitch: float, roll: float) -> None:
    assert pose(turned(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=0.1)


def test_angles_have_the_signs_of_the_standard() -> None:
    still, to_the_right_of_the_image, down, leaning = (
        turned(0, 0, 0),
        turned(30, 0, 0),
        turned(0, 20, 0),
        turned(0, 0, 15),
    )
    assert to_the_right_of_the_image[2, 0] > still[2, 0] + 5  # the nose: to the subject's left
    assert down[2, 1] > still[2, 1] + 3
    assert leaning[1, 1] < leaning[0, 1] - 5  # the subject's left eye is higher


def test_a_mirrored_face_looks_the_other_way() -> None:
    landmarks = turned(25, 5, 10)
    mirrored = (landmarks * [-1, 1])[[1, 0, 2, 4, 3]]
    yaw, pitch, roll = pose(landmarks)
    assert pose(mirrored) == pytest.approx((-yaw, pitch, -roll), abs=0.1)


def test_points_on_one_line_have_no_pose() -> None:
    assert pose(np.zeros((5, 2))) == (0, 0, 0)
    assert pose(np.outer(np.arange(5.0), [1, 2])) == (0, 0, 0)


def test_blur_and_darkness_show() -> None:
    sharp = components(picture(1))
    soft = components(DEGRADATIONS["blur"](picture(1), 0.6, np.random.default_rng(0)))
    assert soft.sharpness < sharp.sharpness
    dark = components(picture(1) // 4)
    assert dark.luminance_mean < sharp.luminance_mean
    assert dark.luminance_variance < sharp.luminance_variance


def test_of_an_aligned_crop_neither_size_nor_pose_nor_frame_is_known() -> None:
    assert components(picture(1))[3:] == (None,) * 5


def test_the_size_is_that_in_the_photograph() -> None:
    assert components(picture(1), 2 * TEMPLATE, FRAME).inter_eye_distance == pytest.approx(
        70.5, abs=0.1
    )


def test_a_face_that_leaves_the_frame_shows_by_how_much() -> None:
    shares = [
        components(picture(1), TEMPLATE + np.array([shift, 0]), FRAME).outside_frame
        for shift in (40, -18, -40, -56, -200)
    ]
    assert shares[:2] == [0, 0]
    assert shares == sorted(shares)
    assert 0.4 < shares[3] < 0.6
    assert shares[4] == 1
