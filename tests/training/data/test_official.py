"""The paper's augmentation does what the released trainer does, as often, drawn by key."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageEnhance

from tests.training.data.pictures import picture
from training.data import official
from training.data.order import generator

BRIGHT = np.maximum(picture(1), 1)  # nothing in it is black


def test_a_crop_keeps_its_pixels_at_their_place_on_black() -> None:
    shares, ratios = [], []
    for index in range(300):
        view = official.cropped(BRIGHT, generator(0, 0, index))
        kept = view.any(axis=2)
        rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
        box = np.zeros_like(kept)
        box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
        assert np.array_equal(kept, box)
        assert np.array_equal(view[kept], BRIGHT[kept])
        shares.append(kept.mean())
        ratios.append(len(columns) / len(rows))
    assert 0.19 < min(shares) < 0.25
    assert max(shares) > 0.9
    assert 0.73 < min(ratios) < 0.8
    assert 1.25 < max(ratios) < 1.36


def test_low_resolution_keeps_the_size_and_loses_detail() -> None:
    detailed = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    views = [official.low_resolution(detailed, generator(0, 0, n)) for n in range(60)]
    assert all(view.shape == detailed.shape and view.dtype == np.uint8 for view in views)
    assert min(view.std() for view in views) < 0.7 * detailed.std()
    assert all(not np.array_equal(view, detailed) for view in views)


@pytest.mark.parametrize("factor", [0.5, 0.83, 1.0, 1.27, 1.5])
def test_photometric_changes_are_pillows_to_the_last_bit(factor: float) -> None:
    pillow = Pillow.fromarray(BRIGHT)
    for ours, theirs in (
        (official.brightness, ImageEnhance.Brightness),
        (official.contrast, ImageEnhance.Contrast),
        (official.saturation, ImageEnhance.Color),
    ):
        expected = np.asarray(theirs(pillow).enhance(factor))
        assert np.array_equal(ours(BRIGHT, factor), expected), theirs.__name__


def test_each_operation_comes_as_often_as_the_paper_says() -> None:
    draws, seen = 1500, {"crop": 0, "flip": 0, "unchanged": 0}
    for index in range(draws):
        view = official.official(BRIGHT, generator(1, 0, index))
        seen["crop"] += bool((view.max(axis=2) == 0).any())
        seen["unchanged"] += np.array_equal(view, BRIGHT)
        seen["flip"] += np.array_equal(view, BRIGHT[:, ::-1])
    clean = 0.8**3 / 2
    for name, chance in (("crop", 0.2), ("unchanged", clean), ("flip", clean)):
        spread = 4 * (chance * (1 - chance) / draws) ** 0.5
        assert abs(seen[name] / draws - chance) < spread, name


def test_a_view_is_a_function_of_its_key_and_leaves_the_picture_alone() -> None:
    image, views = BRIGHT.copy(), set()
    for epoch in range(2):
        for index in range(30):
            view = official.official(image, generator(5, epoch, index))
            assert np.array_equal(view, official.official(image, generator(5, epoch, index)))
            assert view.flags.c_contiguous
            views.add(view.tobytes())
    assert np.array_equal(image, BRIGHT)
    assert len(views) > 20
