"""Each thing that is wrong with a face has its own advice, and a good face has none."""

from __future__ import annotations

import pytest

from models.components import Components
from service.advice import advice

GOOD = Components(0.5, 0.5, 0.03, 60.0, 5.0, -5.0, 2.0, 0.0)


def told(score: float | None = 0.8, **changes: float) -> list[str]:
    return [each.component for each in advice(GOOD._replace(**changes), score)]


def test_a_good_face_needs_no_advice() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("sharpness", 0.1),
        ("luminance_mean", 0.1),
        ("luminance_mean", 0.95),
        ("luminance_variance", 0.001),
        ("inter_eye_distance", 14.0),
        ("head_pose_yaw", -60.0),
        ("head_pose_yaw", 60.0),
        ("head_pose_pitch", 50.0),
        ("head_pose_roll", -70.0),
        ("outside_frame", 0.4),
    ],
)
def test_what_is_out_of_the_ordinary_is_named(component: str, value: float) -> None:
    assert told(**{component: value}) == [component]


def test_a_doubtful_detection_is_named() -> None:
    assert told(score=0.55) == ["detection_score"]
    assert told(score=None) == []


def test_of_a_crop_only_what_is_seen_is_told() -> None:
    assert [each.component for each in advice(Components(0.1, 0.5, 0.03))] == ["sharpness"]


def test_a_small_face_is_told_how_small_it_is() -> None:
    [only] = advice(GOOD._replace(inter_eye_distance=14.4), 0.8)
    assert "14 pixels apart" in only.text
