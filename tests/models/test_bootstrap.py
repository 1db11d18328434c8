"""Intervals over people cover, where intervals over comparisons are too sure of themselves."""

from __future__ import annotations

import numpy as np
import pytest

from models.bootstrap import by_person
from models.calibration import CalibrationRefused, calibrate_scores, pairwise
from models.metrics import wilson


def population(
    seed: int, people: int = 60, images: int = 4, noise: float = 0.6
) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one center per person; centers crowd unevenly, as faces do."""
    random = np.random.default_rng(seed)
    crowded = random.normal(size=(people, 1)) * np.eye(1, 12) * 1.2
    centers = random.normal(size=(people, 12)) + crowded
    vectors = np.repeat(centers, images, axis=0) + random.normal(size=(people * images, 12)) * noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.repeat(np.arange(people), images)


def test_the_interval_over_people_covers_what_intervals_over_comparisons_miss() -> None:
    """Eight like images of everybody are 64 times the comparisons, and no more evidence."""

    def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
        return population(seed, people=30, images=8, noise=0.2)

    truth = np.mean([(pairwise(*drawn(seed))[1] >= 0.7).mean() for seed in range(1000, 1200)])
    covered = naive = 0
    for seed in range(40):
        vectors, persons = drawn(seed)
        impostor = pairwise(vectors, persons)[1]
        [found] = by_person(vectors, persons, [(0.1, 0.7)], replicates=100)
        lower, upper = wilson(int((impostor >= 0.7).sum()), len(impostor))
        covered += found.fmr.lower <= truth <= found.fmr.upper
        naive += lower <= truth <= upper
    assert covered >= 32
    assert naive < 25


def test_the_intervals_hold_what_was_counted() -> None:
    vectors, persons = population(1)
    fitted = calibrate_scores(vectors, persons, data="drawn")
    for point in fitted.thresholds[:2]:
        assert point.threshold_lower <= point.threshold <= point.threshold_upper
        assert point.tmr_lower <= point.tmr <= point.tmr_upper
        assert point.fmr_lower <= point.false_matches / fitted.impostors <= point.fmr_upper
    assert fitted.persons == 60


def test_one_person_drawn_twice_is_no_stranger_to_themself() -> None:
    """Everybody's images are alike, and nobody else's are: no draw of people finds an impostor."""
    vectors = np.repeat(np.eye(30, dtype=np.float32), 3, axis=0)
    [found] = by_person(vectors, np.repeat(np.arange(30), 3), [(0.01, 0.5)], replicates=30)
    assert found.fmr == (0, 0)
    assert found.tmr == (1, 1)


def test_strangers_of_another_source_are_not_compared() -> None:
    vectors, persons = population(2)
    sources = np.where(persons < 30, "a", "b")
    both = calibrate_scores(vectors, persons, data="x", sources=sources)
    parts = [pairwise(vectors[sources == s], persons[sources == s]) for s in ("a", "b")]
    assert both.impostors == sum(len(impostor) for _, impostor in parts)
    assert both.genuines == sum(len(genuine) for genuine, _ in parts)
    strangers = np.concatenate([impostor for _, impostor in parts])
    assert (strangers >= both.threshold(0.01)).mean() <= 0.01
    assert both.thresholds[0].fmr_lower <= 0.1 <= both.thresholds[0].fmr_upper


def test_too_few_people_are_refused() -> None:
    vectors, persons = population(0, people=19)
    with pytest.raises(CalibrationRefused, match="at least 20 people"):
        calibrate_scores(vectors, persons, data="drawn")
