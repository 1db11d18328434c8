"""A kept crop is the crop that was embedded, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alignment import CROP_SIZE
from service.crops import decode, encode


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 256))
def test_what_is_kept_comes_back(seed: int, colors: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, colors, (CROP_SIZE, CROP_SIZE, 3))
    crop = drawn.astype(np.uint8)
    assert np.array_equal(decode(encode(crop)), crop)
    assert np.array_equal(decode(encode(crop[:, ::-1])), crop[:, ::-1])


@pytest.mark.parametrize(
    "spoiled",
    [
        b"",
        b"RIFF",
        encode(np.zeros((112, 112, 3), np.uint8))[:-9],
        encode(np.zeros((9, 9, 3), np.uint8)),
    ],
    ids=["empty", "half a header", "cut off", "another size"],
)
def test_anything_else_is_refused(spoiled: bytes) -> None:
    with pytest.raises(ValueError, match="crop"):
        decode(spoiled)
