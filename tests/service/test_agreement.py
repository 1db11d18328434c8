"""What is told of two models is what a loop over all comparisons finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.agreement import agreement, scores
from service.gallery import Paired

WHO = st.lists(st.integers(0, 6), min_size=1, max_size=14)


def drawn(seed: int, count: int, size: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, size))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit, random.uniform(5, 50, count)


def slow(
    vectors: NDArray[np.float32], norms: NDArray[np.float64], who: NDArray[np.int64]
) -> NDArray[np.float64]:
    persons = np.unique(who)
    found = np.full((len(who), len(persons)), np.nan)
    for probe in range(len(who)):
        for column, person in enumerate(persons):
            others = [n for n in range(len(who)) if who[n] == person and n != probe]
            if others:
                total = sum(norms[n] * vectors[n] for n in others)
                found[probe, column] = total @ vectors[probe] / np.linalg.norm(total)
    return found


@settings(max_examples=30, deadline=None)
@given(WHO, st.integers(0, 9))
def test_the_scores_leave_out_the_probe_itself(persons: list[int], seed: int) -> None:
    who = np.unique(persons, return_inverse=True)[1]
    vectors, norms = drawn(seed, len(who), 8)
    np.testing.assert_allclose(
        scores(vectors, norms, who), slow(vectors, norms, who), atol=1e-5, equal_nan=True
    )


def test_the_same_model_twice_agrees_in_everything() -> None:
    vectors, norms = drawn(1, 40, 16)
    pairs = Paired(np.arange(40) // 2, vectors, norms, vectors, norms)
    told = agreement(pairs, 0.2, 0.2)
    assert (told.probes, told.mated, told.persons) == (40, 40, 20)
    assert (told.same_best, told.decisions_changed) == (1.0, 0.0)
    assert told.rank1_before == told.rank1_after
    assert (told.pearson, told.spearman) == (1.0, 1.0)


def test_a_better_model_is_told_as_one_whichever_is_searched_with() -> None:
    rough, norms = drawn(2, 60, 16)
    centers, _ = drawn(3, 20, 16)
    fine = np.repeat(centers, 3, axis=0) + 0.1 * rough
    fine = (fine / np.linalg.norm(fine, axis=1, keepdims=True)).astype(np.float32)
    who = np.repeat(np.arange(20), 3)
    told = agreement(Paired(who, rough, norms, fine, norms), 0.5, 0.5)
    assert told.rank1_after == 1.0
    assert told.rank1_before is not None
    assert told.rank1_before < 0.5
    assert told.same_best is not None
    assert told.same_best < 0.5
    assert told.decisions_changed is not None
    assert told.decisions_changed > 0.5
    swapped = agreement(Paired(who, fine, norms, rough, norms), 0.5, 0.5, swapped=True)
    assert swapped == told


def test_ranks_correlate_where_scores_do_not() -> None:
    vectors, norms = drawn(4, 30, 16)
    who = np.arange(30)
    told = agreement(Paired(who, vectors, norms, vectors, norms), None, None)
    assert (told.mated, told.rank1_before, told.decisions_changed) == (0, None, None)
    assert told.spearman == pytest.approx(1)


def test_nothing_can_be_told_of_nobody() -> None:
    told = agreement(Paired.of([]), 0.5, 0.5)
    assert (told.probes, told.same_best, told.pearson, told.spearman) == (0, None, None, None)
