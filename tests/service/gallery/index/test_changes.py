"""What a search finds while rows come and go, against a dictionary and NumPy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from service.gallery.index import Index
from service.gallery.index import index as module
from tests.service.gallery.faces import DIMENSION

from .people import POOL, approximate, first

ROWS = st.integers(0, 40)
TEMPLATES = st.integers(0, 15)  # few, so that rows share one


class Exact(RuleBasedStateMachine):
    """Every answer is the one that NumPy gives."""

    def __init__(self) -> None:
        super().__init__()
        self.index = Index(DIMENSION, block=7)
        self.held: dict[int, int] = {}  # the template's place in POOL by row

    @rule(row=ROWS, template=TEMPLATES)
    def put(self, row: int, template: int) -> None:
        self.index.put(row, POOL[template])
        self.held[row] = template

    @rule(start=st.integers(100, 3900), count=st.integers(0, 30), template=TEMPLATES)
    def add(self, start: int, count: int, template: int) -> None:
        new = {start + i: template + i for i in range(count) if start + i not in self.held}
        self.index.add(np.array(list(new), np.int64), POOL[list(new.values())])
        self.held |= new

    @rule(row=ROWS)
    def remove(self, row: int) -> None:
        self.index.remove(row)
        self.held.pop(row, None)

    @rule(among=st.randoms(use_true_random=False), count=st.integers(1, 20))
    def remove_held(self, among: object, count: int) -> None:
        for row in among.sample(sorted(self.held), min(count, len(self.held))):
            self.remove(row)

    @rule(probe=st.integers(0, 60), other=TEMPLATES, limit=st.integers(0, 8))
    def search(self, probe: int, other: int, limit: int) -> None:
        rows, cosines = self.index.search(POOL[[probe, other]], limit)
        assert rows.shape == cosines.shape == (2, min(limit, len(self.held)))
        for asked, near, similar in zip((probe, other), rows, cosines, strict=True):
            self.check(asked, near.tolist(), similar)

    def check(self, probe: int, near: list[int], similar: np.ndarray) -> None:
        assert near == self.best(probe)[: len(near)]
        np.testing.assert_allclose(similar, self.cosines(probe, near), atol=1e-6)

    def cosines(self, probe: int, rows: list[int]) -> np.ndarray:
        templates = POOL[[self.held[row] for row in rows]].reshape(-1, DIMENSION)
        return np.einsum("nd,d->n", templates, POOL[probe])  # row by row: equals give equals

    def best(self, probe: int) -> list[int]:
        rows = sorted(self.held)
        order = np.lexsort((rows, -self.cosines(probe, rows)))
        return [rows[place] for place in order]

    @invariant()
    def has_its_size(self) -> None:
        assert len(self.index) == len(self.held)


class Approximate(Exact):
    """Ranks may be missed; the cosines, the order, the number and what is equal may not."""

    def __init__(self) -> None:
        super().__init__()
        self.index = approximate(range(1000, 3500), candidates=256)
        self.held = {row: row for row in range(1000, 3500)}

    @rule()
    def search_what_is_held(self) -> None:
        for row in list(self.held)[-3:]:
            [[found]], [[cosine]] = self.index.search(POOL[[self.held[row]]], 1)
            assert found == min(r for r, of in self.held.items() if of == self.held[row])
            assert cosine == pytest.approx(1, abs=1e-6)

    def check(self, probe: int, near: list[int], similar: np.ndarray) -> None:
        assert len(set(near)) == len(near)
        np.testing.assert_allclose(similar, self.cosines(probe, near), atol=1e-6)
        assert near == sorted(near, key=lambda row: (-similar[near.index(row)], row))
        assert near[:1] == self.best(probe)[: len(near)][:1]


TestExact = Exact.TestCase
TestExact.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestApproximate = Approximate.TestCase
TestApproximate.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Lets `change` happen once, when sketches were chosen but not yet compared."""
    nearest, changes = module.nearest, [change]

    def late(*asked: object) -> object:
        if changes:
            changes.pop()()
        return nearest(*asked)

    monkeypatch.setattr(module, "nearest", late)


def test_a_row_put_during_the_comparison_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    index = approximate(range(500))
    meanwhile(monkeypatch, lambda: index.put(9000, POOL[900]))
    assert first(index, POOL[900]) == 9000


def test_a_row_that_moves_during_the_comparison_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    index = approximate(range(500))
    meanwhile(monkeypatch, lambda: index.remove(3))  # 499 takes its place
    assert first(index, POOL[499]) == 499
    assert first(index, POOL[3]) != 3


def test_a_row_changed_during_the_comparison_has_its_new_cosine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = approximate(range(500))
    meanwhile(monkeypatch, lambda: index.put(7, POOL[900]))
    assert first(index, POOL[7]) != 7
    assert first(index, POOL[900]) == 7


def test_the_limit_is_met_though_most_rows_go_during_the_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = approximate(range(500))
    meanwhile(monkeypatch, lambda: [index.remove(row) for row in range(5, 500)])
    rows, _ = index.search(POOL[[400, 2]], 5)
    assert sorted(rows[0].tolist()) == sorted(rows[1].tolist()) == [0, 1, 2, 3, 4]


def test_more_results_than_candidates_can_be_asked_for() -> None:
    rows, _ = approximate(range(3000)).search(POOL[:2], 300)
    assert [len(set(near)) for near in rows.tolist()] == [300, 300]


def test_writers_see_what_they_wrote_and_readers_what_stays() -> None:
    index = approximate(range(1500))

    def write(start: int) -> None:
        for row in range(start, start + 300):
            index.put(row, POOL[row])
            assert first(index, POOL[row]) == row
            if row % 3 == 0:
                index.remove(row)
                assert first(index, POOL[row]) != row

    def read(start: int) -> None:
        for row in range(start, 1500, 4):
            rows, cosines = index.search(POOL[[row, row - 1]], 1 + row % 5)
            assert rows[0, 0] == row
            assert cosines[0, 0] == pytest.approx(1, abs=1e-6)
            assert rows.shape == (2, 1 + row % 5)

    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(write, start) for start in (2000, 3000)]
        calls += [pool.submit(read, start) for start in range(1, 5)]
        for call in calls:
            call.result()
    assert len(index) == 1500 + 400


def test_requests_with_different_limits_are_answered_together() -> None:
    index = approximate(range(500))
    asked = [(np.ascontiguousarray(POOL[i : i + 1 + i % 3]), 1 + i % 7) for i in range(60)]
    expected = [index.search(*each) for each in asked]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda each: index.search(*each), asked))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
