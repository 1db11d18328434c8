"""The detector is insightface's SCRFD, sooner and with the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from insightface.model_zoo.scrfd import SCRFD

from service.detection import Detector
from service.images import Image, Limits, decode
from tests import photographs
from tests.images import scene

from .networks import networks

PHOTOGRAPHS = {
    "six faces": photographs.group(),
    "one face": photographs.portrait(),
    "no face": photographs.without_faces("coffee.png"),
}


class Watched:
    """The network's session, which remembers the inputs it was given."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs: list[np.ndarray] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: list[str], feed: dict[str, np.ndarray]) -> Any:
        self.inputs += feed.values()
        return self._session.run(names, feed)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        return [(each.shape[3], each.shape[2]) for each in self.inputs]


def detector(*, coarse: bool = False) -> tuple[Detector, Watched]:
    watched = Watched(networks().detector._scrfd.session)
    constants = networks().bundle.manifest.detector
    return Detector(watched, constants, coarse=coarse), watched  # type: ignore[arg-type] # a session in all it does


@pytest.mark.parametrize("threshold", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_boxes_landmarks_and_scores_are_insightfaces_to_the_last_bit(
    name: str, threshold: float
) -> None:
    image = decode(PHOTOGRAPHS[name], Limits())
    ours, watched = detector()
    found = ours(image, threshold)
    theirs = Watched(watched._session)
    reference = SCRFD(session=theirs, static_shape_sessions=False)
    reference.nms_thresh = networks().bundle.manifest.detector.nms_threshold
    boxes, landmarks = reference.detect(
        image[:, :, ::-1], input_size=watched.shapes[0], det_thresh=threshold
    )
    assert np.array_equal(watched.inputs[0], theirs.inputs[0])
    limit = np.array([image.shape[1], image.shape[0]] * 2)
    expected = {
        (score, tuple(np.clip(box, 0, limit)), points.tobytes())
        for (*box, score), points in zip(boxes.tolist(), landmarks, strict=True)
    }
    assert {(f.score, tuple(f.box.tolist()), f.landmarks.tobytes()) for f in found} == expected


@settings(deadline=None)  # a machine may have other work
@given(st.integers(1, 3000), st.integers(1, 3000))
def test_an_input_is_as_long_as_the_bundle_says_and_holds_the_photograph(
    wide: int, high: int
) -> None:
    for coarse in (False, True):
        finder = Detector(
            networks().detector._scrfd.session,
            networks().bundle.manifest.detector,
            coarse=coarse,
        )
        across, down = finder._input_size(wide, high)
        assert across % 32 == down % 32 == 0
        assert max(across, down) <= finder.input_size
        scale = min(across / wide, down / high)
        assert max(across, down) - scale * max(wide, high) < 33
        assert not coarse or (across, down) in finder.shapes


def test_a_coarse_detector_runs_on_few_shapes_and_finds_the_same_faces() -> None:
    coarse, watched = detector(coarse=True)
    fine, _ = detector()
    assert len(coarse.shapes) < 30
    image = decode(photographs.group(), Limits())
    pairs = zip(coarse(image), fine(image), strict=True)
    assert all(np.abs(a.box - b.box).max() < 0.1 * (b.box[2] - b.box[0]) for a, b in pairs)
    assert set(watched.shapes) <= set(coarse.shapes)


def test_warming_runs_every_shape_a_photograph_can_have() -> None:
    coarse, watched = detector(coarse=True)
    coarse.warm()
    assert sorted(watched.shapes) == coarse.shapes


@pytest.mark.parametrize("shape", [(1, 9000), (9000, 2), (10, 10_000), (1, 1), (64, 3)])
def test_a_strip_of_an_image_shows_no_face_and_is_no_error(shape: tuple[int, int]) -> None:
    assert detector()[0](scene(*shape)) == []


def test_a_detection_is_scaled_with_its_image() -> None:
    [face] = detector()[0](decode(photographs.portrait(), Limits()))
    twice = face.scaled(2)
    assert np.array_equal(twice.box, face.box * 2)
    assert np.array_equal(twice.landmarks, face.landmarks * 2)
    assert twice.score == face.score


def test_the_image_is_left_as_it_was() -> None:
    image: Image = decode(photographs.portrait(), Limits())
    before = image.copy()
    detector()[0](image)
    assert np.array_equal(image, before)
