"""Synthetic people are the same wherever they are drawn, look like faces, and are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from models.alignment import TEMPLATE
from training.data.synthetic import Synthetic


def test_a_picture_is_a_function_of_seed_identity_and_variation() -> None:
    source = Synthetic(3, 4, seed=1)
    assert (len(source), source.classes) == (12, 3)
    for index in (0, 5, 11):
        image, label = source.read(index)
        assert (image.shape, image.dtype, label) == ((112, 112, 3), np.uint8, index // 4)
        assert np.array_equal(image, Synthetic(3, 4, seed=1).read(index).image)
        assert not np.array_equal(image, Synthetic(3, 4, seed=2).read(index).image)


def test_later_people_are_those_a_larger_set_would_hold() -> None:
    all_of_them, held_out = Synthetic(6, 3), Synthetic(2, 3, first=4)
    for index in range(6):
        image, label = held_out.read(index)
        assert np.array_equal(image, all_of_them.read(12 + index).image)
        assert label == index // 3
    assert held_out.fingerprint != all_of_them.fingerprint


def test_eyes_nose_and_mouth_are_where_every_network_looks_for_them() -> None:
    """The mean of many faces is darker at eyes and mouth than on the cheeks beside them."""
    source = Synthetic(120, 1)
    mean = np.mean([source.read(n).image.mean(axis=2) for n in range(120)], axis=0)
    left_eye, right_eye, nose, left_mouth, right_mouth = TEMPLATE
    cheeks = np.array(
        [(left_eye + left_mouth) / 2 - (6, 0), (right_eye + right_mouth) / 2 + (6, 0)]
    )
    skin = np.mean([_patch(mean, point).mean() for point in cheeks])
    assert _patch(mean, left_eye).min() < skin - 15
    assert _patch(mean, right_eye).min() < skin - 15
    assert _patch(mean, (left_mouth + right_mouth) / 2).min() < skin - 15
    assert _patch(mean, nose).mean() > _patch(mean, nose + np.array([0, 5])).min()


def _patch(image: np.ndarray, point: np.ndarray) -> np.ndarray:
    x, y = point.round().astype(int)
    return image[y - 3 : y + 4, x - 3 : x + 4]


def test_pixels_alone_tell_people_apart_badly_but_not_by_chance() -> None:
    people, each = 40, 4
    source = Synthetic(people, each, seed=3)
    pixels = np.stack([source.read(n).image.ravel() for n in range(len(source))]).astype(np.float32)
    pixels -= pixels.mean(axis=0)
    pixels /= np.linalg.norm(pixels, axis=1, keepdims=True)
    cosines, who = pixels @ pixels.T, np.repeat(np.arange(people), each)
    mated = cosines[(who[:, None] == who) & ~np.eye(len(who), dtype=bool)]
    others = cosines[who[:, None] != who]
    better = np.searchsorted(np.sort(others), mated).mean() / len(others)  # area under the curve
    assert 0.6 < better < 0.9


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0)])
def test_a_set_of_nobody_is_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Synthetic(*numbers)
