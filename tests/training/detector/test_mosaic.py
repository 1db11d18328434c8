"""Augmentation moves labels exactly as it moves pixels."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from training.detector import negatives
from training.detector.batches import Batches, Shape, keyed
from training.detector.labeling import merge, mirror
from training.detector.mosaic import SMALLEST, VISIBLE, Composer, motion, move_faces, place, visible
from training.detector.photometric import degrade

from .pictures import FACE, drawn

SCENES = [drawn(seed) for seed in range(5)]


def test_landmarks_of_every_composed_face_lie_inside_its_box() -> None:
    compose = Composer(SCENES)
    faces = np.concatenate([compose(keyed(7, 0, k), 192).faces for k in range(60)])
    assert len(faces) > 60
    points = faces[:, 4:].reshape(-1, 5, 2)
    assert (points > faces[:, None, 0:2]).all()
    assert (points < faces[:, None, 2:4]).all()


def test_composed_faces_are_large_enough_and_in_view() -> None:
    compose = Composer(SCENES)
    for k in range(40):
        sample = compose(keyed(8, 0, k), 160)
        sides = sample.faces[:, 2:4] - sample.faces[:, :2]
        assert (np.sqrt(sides.prod(axis=1)) >= SMALLEST).all()
        # A grid's tile can hide more of a face than the picture's border does, never less.
        assert (visible(sample.faces[:, :4], 160, 160) >= VISIBLE).all()


def test_a_flip_swaps_the_eyes_and_mouth_corners() -> None:
    scene = drawn()
    source = np.asarray([99, 0], np.float32)
    flipped = place(
        scene, motion(source, np.zeros(2, np.float32), 1.0, mirrored=True), (100, 96), (0, 0, 0)
    )
    points = flipped.faces[0, 4:].reshape(5, 2)
    assert points[0, 0] < points[1, 0]
    assert points[3, 0] < points[4, 0]
    np.testing.assert_array_equal(flipped.pixels, scene.pixels[:, ::-1])
    np.testing.assert_allclose(
        flipped.faces[0], mirror(np.append(FACE, 1)[None].astype(np.float32), 100)[0, :14]
    )


@pytest.mark.parametrize("angle", [-0.4, 0.0, 0.3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_moved_landmarks_stay_on_the_dark_spots_they_mark(angle: float, mirrored: bool) -> None:
    scene = drawn()
    move = motion(FACE[:2] + 20, np.asarray([100, 90], np.float32), 2.0, angle, mirrored=mirrored)
    sample = place(scene, move, (220, 200), (0, 0, 0))
    for x, y in sample.faces[0, 4:].reshape(5, 2).round().astype(int):
        assert sample.pixels[y, x].max() <= 62


def test_a_motion_and_its_inverse_cancel() -> None:
    there = motion(np.zeros(2, np.float32), np.asarray([12, 7], np.float32), 1.5)
    back = motion(np.asarray([12, 7], np.float32), np.zeros(2, np.float32), 1 / 1.5)
    np.testing.assert_allclose(move_faces(move_faces(FACE[None], there), back)[0], FACE, atol=1e-3)


def test_faces_cut_by_the_border_become_doubtful_not_background() -> None:
    half_out = motion(np.asarray([50, 47], np.float32), np.asarray([0, 50], np.float32), 1.0)
    sample = place(drawn(), half_out, (100, 100), (0, 0, 0))
    assert len(sample.faces) == 0
    assert len(sample.doubtful) == 1


def test_negatives_have_no_labels_and_covering_hides_the_face() -> None:
    rng = keyed(1, 2, 3)
    for scene in (
        negatives.procedural(rng),
        negatives.covered(rng, drawn(), np.zeros((9, 9, 3), np.uint8)),
    ):
        assert len(scene.faces) == 0
        assert len(scene.doubtful) == 0
    covered = negatives.covered(rng, drawn(), np.zeros((9, 9, 3), np.uint8))
    assert covered.pixels[47, 50].max() == 0


def test_a_background_touches_no_face() -> None:
    scene = drawn(width=300)
    for k in range(20):
        crop = negatives.background(keyed(2, 0, k), scene)
        if crop is not None:
            assert (crop.pixels == scene.pixels[0, 0]).all()


def test_degradation_keeps_shape_and_type() -> None:
    pixels = drawn().pixels
    for k in range(30):
        changed = degrade(keyed(3, 0, k), pixels)
        assert changed.shape == pixels.shape
        assert changed.dtype == np.uint8


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    first, second = (Batches(Composer(SCENES), 5, 10, (Shape(2, 64),)) for _ in range(2))
    first[3]  # other batches drawn before must not matter
    assert (first[7].pixels == second[7].pixels).all()
    assert (first[7].targets.boxes == second[7].targets.boxes).all()
    assert (first[6].pixels != second[7].pixels).any()


def test_merging_looks_averages_agreement_and_doubts_a_lone_look() -> None:
    face = np.append(FACE, 0.9).astype(np.float32)
    shifted = face + np.append(np.full(14, 2), 0).astype(np.float32)
    lone = face + np.append(np.full(14, 500), 0).astype(np.float32)
    merged = merge(np.stack([face, shifted, lone]))
    assert len(merged) == 2
    np.testing.assert_allclose(merged[0, :14], FACE + 1, rtol=1e-5)
    assert sorted(merged[:, 14] >= 0.6) == [False, True]
