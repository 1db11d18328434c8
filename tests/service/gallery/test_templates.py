from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gallery import templates as module
from service.gallery.templates import Sample, templates

from .faces import DIMENSION, direction

persons = st.lists(st.lists(st.floats(0.5, 60.0), min_size=1, max_size=5), max_size=9)


def samples(norms: list[list[float]]) -> list[list[Sample]]:
    """Person i has a face of seed 10 i + j for each of its norms."""
    return [
        [(row, direction(10 * row + j).tobytes(), norm, j) for j, norm in enumerate(each)]
        for row, each in enumerate(norms)
    ]


@given(persons)
def test_a_template_is_the_normalized_sum_of_features(norms: list[list[float]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PERSONS_AT_ONCE", 2)
        blocks = list(templates(chain.from_iterable(samples(norms)), DIMENSION))
    rows = [int(row) for block, _ in blocks for row in block]
    vectors = [vector for _, block in blocks for vector in block]
    assert rows == list(range(len(norms)))
    for row, vector in zip(rows, vectors, strict=True):
        total = sum(norm * direction(10 * row + j) for j, norm in enumerate(norms[row]))
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, total / np.linalg.norm(total), atol=1e-5)


def test_faces_that_cancel_out_resemble_nobody() -> None:
    opposite: list[Sample] = [
        (1, direction(1).tobytes(), 20.0, 1),
        (1, (-direction(1)).tobytes(), 20.0, 1),
    ]
    [(_, vectors)] = templates(opposite, DIMENSION)
    assert not vectors.any()


def test_an_embedding_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        list(templates([(1, direction(1).tobytes()[:-4], 20.0, 1)], DIMENSION))
