"""1:N: whether strangers stay strangers at every gallery size, and mates are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import ScoreCalibration
from models.identification import search
from models.searches import fused
from service.evaluate.sample import Faces

SIZES = (10, 100, 300, 600, 1000, 3000, 10_000)
STRANGERS = 600
FEWEST_STRANGERS = 100
SPLITS = 20
REPLICATES = 500


@dataclass(frozen=True, slots=True)
class Searching:
    """Galleries of `persons`, a template each, at the bundle's threshold for `asked` FPIR.

    Mean over random splits of the people into enrolled and unknown; the interval of FPIR is the
    bootstrap's over the `strangers`. Probes are photographs that are in no template.
    """

    persons: int
    strangers: int
    splits: int
    asked: float
    threshold: float
    fpir: float
    fpir_lower: float
    fpir_upper: float
    fnir: float
    rank1: float


def evaluate_identification(
    faces: Faces, scores: ScoreCalibration, *, fpir: float = 1e-2, sizes: Sequence[int] = SIZES
) -> list[Searching]:
    """Open-set searches at every gallery size that leaves 100 people unknown."""
    people = np.unique(faces.person)
    return [
        _searched(faces, people, scores, fpir, size)
        for size in sizes
        if len(people) - size >= FEWEST_STRANGERS
    ]


def _searched(
    faces: Faces, people: NDArray[np.int64], scores: ScoreCalibration, asked: float, size: int
) -> Searching:
    cut, _ = scores.threshold_for_search(asked, size)
    strangers = min(STRANGERS, len(people) - size)
    alarms, trials = np.zeros(people.max() + 1), np.zeros(people.max() + 1)
    found: list[tuple[float, float]] = []
    for seed in range(SPLITS):
        order = np.random.default_rng((seed, size)).permutation(people)
        enrolled, unknown = order[:size], order[len(order) - strangers :]
        held, probes = _held_out(faces, enrolled)
        result = search(
            faces.embedding[
                np.concatenate([probes, np.flatnonzero(np.isin(faces.person, unknown))])
            ],
            np.concatenate([faces.person[probes], np.full(_count(faces, unknown), -1)]),
            *_gallery(faces, held),
        )
        who = faces.person[np.isin(faces.person, unknown)]
        np.add.at(alarms, who, result.other[len(probes) :].astype(np.float64) >= cut)
        np.add.at(trials, who, 1)
        mate, ahead = result.mate[: len(probes)], result.ahead[: len(probes)]
        found.append((float((mate < cut).mean()), float((ahead == 0).mean())))
    lower, upper = _interval(alarms[trials > 0], trials[trials > 0])
    fnir, rank1 = np.mean(found, axis=0)
    return Searching(
        persons=size,
        strangers=strangers,
        splits=SPLITS,
        asked=asked,
        threshold=round(cut, 5),
        fpir=round(float(alarms.sum() / trials.sum()), 5),
        fpir_lower=round(lower, 5),
        fpir_upper=round(upper, 5),
        fnir=round(float(fnir), 5),
        rank1=round(float(rank1), 5),
    )


def _count(faces: Faces, people: NDArray[np.int64]) -> int:
    return int(np.isin(faces.person, people).sum())


def _held_out(
    faces: Faces, enrolled: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the enrolled faces, and of one probe of each person who has another face."""
    inside = np.flatnonzero(np.isin(faces.person, enrolled))
    _, first, counts = np.unique(faces.person[inside], return_index=True, return_counts=True)
    probes = inside[first[counts > 1]]
    return np.setdiff1d(inside, probes), probes


def _gallery(faces: Faces, held: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    owners, number = np.unique(faces.person[held], return_inverse=True)
    return fused(faces.embedding[held], number, faces.norm[held]), owners


def _interval(alarms: NDArray[np.float64], trials: NDArray[np.float64]) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(alarms), (REPLICATES, len(alarms)))
    rates = alarms[drawn].sum(axis=1) / trials[drawn].sum(axis=1)
    lower, upper = np.percentile(rates, [2.5, 97.5])
    return float(lower), float(upper)
