"""JPEGs decoded at a fraction of their size: the same picture, refused for the same damage."""

from __future__ import annotations

import cv2
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import UndecodableImage
from service.images import Reduction, header, picture, reduction
from tests.images import (
    cmyk_jpeg,
    jpeg,
    oriented_jpeg,
    png,
    scene,
    webp,
)

REDUCTIONS: tuple[Reduction, ...] = (2, 4, 8)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(REDUCTIONS), st.booleans())
def test_both_sides_are_rounded_up(height: int, width: int, by: Reduction, full: bool) -> None:
    body = jpeg(scene(height, width), subsampling=0 if full else 2)
    assert picture(body, header(body), by).shape == (-(-height // by), -(-width // by), 3)


@pytest.mark.parametrize("by", REDUCTIONS)
@pytest.mark.parametrize("options", [{}, {"subsampling": 0, "restart_marker_rows": 1}], ids=str)
def test_it_is_the_mean_of_the_pixels_it_stands_for(by: Reduction, options: dict) -> None:
    body = jpeg(scene(256, 320), quality=95, **options)
    whole = picture(body, header(body))
    size = (whole.shape[1] // by, whole.shape[0] // by)
    mean = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    apart = np.abs(picture(body, header(body), by).astype(float) - mean)
    assert apart.mean() < 1.5


@pytest.mark.parametrize("by", REDUCTIONS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_upright(orientation: int, by: Reduction) -> None:
    body = oriented_jpeg(orientation)
    whole = picture(body, header(body))
    upright = cv2.resize(
        whole, (whole.shape[1] // by, whole.shape[0] // by), interpolation=cv2.INTER_AREA
    )
    assert np.abs(picture(body, header(body), by).astype(float) - upright).mean() < 6


@pytest.mark.parametrize("by", REDUCTIONS)
def test_gray_and_cmyk_files_become_rgb(by: Reduction) -> None:
    gray = jpeg(PIL.Image.fromarray(scene()).convert("L"))
    for body in (gray, cmyk_jpeg(scene())):
        assert picture(body, header(body), by).shape == (96 // by, 128 // by, 3)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 0.97), st.sampled_from(REDUCTIONS), st.booleans())
def test_a_file_cut_short_is_refused_as_at_full_size(
    share: float, by: Reduction, closed: bool
) -> None:
    body = jpeg(scene(160, 160))
    cut = body[: int(len(body) * share)]
    broken = cut + b"\xff\xd9" if closed else cut
    try:
        head = header(broken)
    except UndecodableImage:
        return
    for reduced in (1, by):
        with pytest.raises(UndecodableImage):
            picture(broken, head, reduced)


def test_only_baseline_jpegs_are_reduced_and_only_as_far_as_enough_is_left() -> None:
    large = scene(600, 800)
    assert reduction(header(jpeg(large)), 400) == 2
    assert reduction(header(jpeg(large)), 401) == 1
    assert reduction(header(jpeg(large)), 100) == 8
    assert reduction(header(jpeg(large)), 1) == 8
    assert reduction(header(jpeg(large, progressive=True)), 100) == 1
    assert reduction(header(png(large)), 100) == 1
    assert reduction(header(webp(large)), 100) == 1
