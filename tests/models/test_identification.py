"""Searches against loops over every probe and gallery entry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models import identification
from models.identification import (
    Searches,
    fnir_at,
    fpir_at,
    rank_rate,
    search,
    threshold_at_fpir,
    tpir_at_fpir,
)


def unit(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    drawn = rng.normal(size=(count, 5))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def drawn(seed: int, probes: int = 40, gallery: int = 25) -> tuple[NDArray, ...]:
    rng = np.random.default_rng(seed)
    return (
        unit(rng, probes),
        rng.integers(0, 20, probes),
        unit(rng, gallery),
        rng.integers(0, 12, gallery),
    )


def by_hand(probes: NDArray, persons: NDArray, gallery: NDArray, owners: NDArray) -> list[tuple]:
    """For each probe the sorted candidates as (similarity, is mate)."""
    return [
        sorted(
            (
                (float(probe @ entry), owner == person)
                for entry, owner in zip(gallery, owners, strict=True)
            ),
            reverse=True,
        )
        for probe, person in zip(probes, persons, strict=True)
    ]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([1, 3, 10]))
def test_ranks_are_those_of_the_sorted_candidates(seed: int, rank: int) -> None:
    arguments = drawn(seed)
    lists = [each for each in by_hand(*arguments) if any(mate for _, mate in each)]
    hits = [any(mate for _, mate in each[:rank]) for each in lists]
    found = search(*arguments)
    assert found.mated.sum() == len(lists)
    assert rank_rate(found, rank) == pytest.approx(np.mean(hits))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(-0.5, 0.95))
def test_fpir_and_fnir_are_counts_of_probes(seed: int, threshold: float) -> None:
    arguments = drawn(seed)
    lists = by_hand(*arguments)
    mated = [each for each in lists if any(mate for _, mate in each)]
    strangers = [each for each in lists if not any(mate for _, mate in each)]
    found = search(*arguments)
    alarms = [each[0][0] >= threshold for each in strangers]
    misses = [not any(s >= threshold and mate for s, mate in each) for each in mated]
    first = [not (each[0][1] and each[0][0] >= threshold) for each in mated]
    assert fpir_at(found, threshold) == pytest.approx(np.mean(alarms))
    assert fnir_at(found, threshold) == pytest.approx(np.mean(misses))
    assert fnir_at(found, threshold, rank=1) == pytest.approx(np.mean(first))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.05, 0.6))
def test_no_more_strangers_raise_an_alarm_than_were_asked_for(seed: int, fpir: float) -> None:
    found = search(*drawn(seed))
    cut = threshold_at_fpir(found, fpir)
    assert fpir_at(found, cut) <= fpir
    assert tpir_at_fpir(found, fpir) == pytest.approx(1 - fnir_at(found, cut))


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = drawn(1)
    whole = search(*arguments)
    monkeypatch.setattr(identification, "CELLS", 60)  # two probes at a time
    for one, other in zip(whole, search(*arguments), strict=True):
        assert np.allclose(one, other, atol=1e-6)


def test_a_tie_with_a_stranger_is_no_hit() -> None:
    probe = np.eye(2, dtype=np.float32)[:1]
    found = search(probe, np.array([7]), np.concatenate([probe, probe]), np.array([7, 8]))
    assert rank_rate(found, 1) == 0
    assert rank_rate(found, 2) == 1


def test_no_probes_find_nobody() -> None:
    empty = np.zeros((0, 2), np.float32)
    found = search(empty, np.zeros(0, np.int64), np.eye(2, dtype=np.float32), np.array([1, 2]))
    assert isinstance(found, Searches)
    assert len(found.ahead) == 0
