from __future__ import annotations

import weakref

import numpy as np
import pytest

from service.gallery.index import Index
from tests.service.gallery.faces import DIMENSION, direction


def of(*rows: int) -> Index:
    index = Index(DIMENSION)
    for row in rows:
        index.put(row, direction(row))
    return index


def test_the_nearest_come_first() -> None:
    probe = direction(7)
    rows, cosines = of(*range(1, 30)).search(probe[np.newaxis], 5)
    expected = np.array([direction(row) @ probe for row in range(1, 30)])
    assert rows[0, 0] == 7
    np.testing.assert_allclose(cosines[0], np.sort(expected)[::-1][:5], atol=1e-6)


def test_a_row_is_replaced_not_doubled() -> None:
    index = of(1, 2)
    index.put(1, direction(9))
    rows, cosines = index.search(direction(9)[np.newaxis], 5)
    assert len(index) == 2
    assert rows.tolist() == [[1, 2]]
    assert cosines[0, 0] > 0.999


def test_a_removed_row_is_not_found() -> None:
    index = of(1, 2, 3)
    index.remove(2)
    index.remove(99)
    rows, _ = index.search(direction(2)[np.newaxis], 5)
    assert sorted(rows[0].tolist()) == [1, 3]


def test_equals_come_in_the_order_of_their_rows() -> None:
    index = Index(DIMENSION)
    for row in (5, 3, 8, 1):
        index.put(row, direction(0))
    assert index.search(direction(0)[np.newaxis], 4)[0].tolist() == [[1, 3, 5, 8]]


def test_cosines_stay_within_one() -> None:
    index = Index(DIMENSION)
    index.put(1, direction(1) * np.float32(1.0005))
    _, cosines = index.search(np.stack([direction(1), -direction(1)]), 1)
    assert cosines.tolist() == [[1.0], [-1.0]]


def test_an_empty_index_finds_nothing() -> None:
    rows, cosines = Index(DIMENSION).search(np.stack([direction(1), direction(2)]), 5)
    assert rows.shape == cosines.shape == (2, 0)


def test_no_probes_have_no_answers() -> None:
    rows, _ = of(1, 2).search(np.empty((0, DIMENSION), np.float32), 5)
    assert rows.shape == (0, 2)


def test_a_row_that_is_held_is_not_added_again() -> None:
    index = of(1, 2)
    for rows in ([3, 2], [4, 4]):
        with pytest.raises(ValueError, match="already"):
            index.add(np.array(rows), np.stack([direction(5), direction(6)]))
    assert index.search(direction(5)[np.newaxis], 9)[0].shape == (1, 2)


def test_probes_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="16 values"):
        of(1).search(np.ones((1, DIMENSION + 1), np.float32), 1)


def test_what_is_removed_is_overwritten_in_memory() -> None:
    index = of(1, 2, 3)
    index.remove(2)
    index.remove(1)
    [block] = index._table._blocks
    assert block[:1].tolist() == [direction(3).tolist()]
    assert not block[1:3].any()
    assert not index._table.sketches[1:3].any()


def test_an_index_that_is_dropped_is_gone_at_once() -> None:
    index = of(1, 2)
    index.search(direction(1)[np.newaxis], 1)
    templates = weakref.ref(index._table)
    del index
    assert templates() is None
