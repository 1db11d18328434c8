"""What somebody can do so that the next photograph of a face is better."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from models.components import Components

# Beyond these a face is worse than 99 of 100 photographs of LFW, or lies outside what it shows at
# all: of 290 the first percentile has sharpness 0.25, luminance 0.32 with a variance of 0.007, and
# a detection score of 0.71; eyes are 34 pixels apart, yaw is within 43 degrees.
CLOSE: Final = 30.0  # pixels between the eyes; the crop has 35, so fewer are enlarged
SHARP: Final = 0.2
DARK, BRIGHT, FLAT = 0.22, 0.85, 0.005
ASIDE, UP_OR_DOWN, LEANING = 40.0, 35.0, 40.0  # degrees
WHOLE: Final = 0.05  # share of the face beyond the edge
SURE: Final = 0.6


class Advice(NamedTuple):
    """`component` names the measure that is out of the ordinary, `text` what to do about it."""

    component: str
    text: str


def advice(seen: Components, detection_score: float | None = None) -> list[Advice]:
    """One for each thing that is wrong with a face; none for a good one."""
    return [*_placed(seen, detection_score), *_lit(seen), *_posed(seen)]


def _placed(seen: Components, score: float | None) -> Iterator[Advice]:
    if seen.outside_frame is not None and seen.outside_frame > WHOLE:
        share = f"{100 * seen.outside_frame:.0f} %"
        yield Advice("outside_frame", f"Show the whole face: {share} of it is outside the picture.")
    if seen.inter_eye_distance is not None and seen.inter_eye_distance < CLOSE:
        apart = f"{seen.inter_eye_distance:.0f} pixels apart, and {CLOSE:.0f} are needed"
        yield Advice(
            "inter_eye_distance", f"Come closer or send a larger picture: eyes are {apart}."
        )
    if score is not None and score < SURE:
        yield Advice(
            "detection_score",
            "Show the face uncovered and from the front: it is hard to tell as one.",
        )


def _lit(seen: Components) -> Iterator[Advice]:
    if seen.sharpness < SHARP:
        yield Advice(
            "sharpness", "Hold still and focus on the face, or compress less: it is blurred."
        )
    if seen.luminance_mean < DARK:
        yield Advice("luminance_mean", "Put more light on the face: it is too dark.")
    elif seen.luminance_mean > BRIGHT:
        yield Advice("luminance_mean", "Take light from the face: it is overexposed.")
    elif seen.luminance_variance < FLAT:
        yield Advice(
            "luminance_variance", "Light the face from one side, without haze: it is flat."
        )


def _posed(seen: Components) -> Iterator[Advice]:
    if abs(seen.head_pose_yaw or 0) > ASIDE:
        yield Advice("head_pose_yaw", "Turn the face to the camera: it looks aside.")
    if abs(seen.head_pose_pitch or 0) > UP_OR_DOWN:
        yield Advice("head_pose_pitch", "Hold the camera at the height of the eyes.")
    if abs(seen.head_pose_roll or 0) > LEANING:
        yield Advice("head_pose_roll", "Hold the head and the camera upright.")
