"""Whether calibrating works at all: fitted on half of the people, tried on the other half.

A bundle's own thresholds may have been fitted to the very people it is evaluated on. These are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import FEWEST_PERSONS, ScoreCalibration, fit_scores, pairwise
from models.searches import alarm_rate, check_searches, fused
from service.evaluate.sample import Faces

SPLITS = 10
FMRS = (1e-2, 1e-3)
FPIR, SIZES = 1e-2, (100, 300)
FEWEST = 4 * FEWEST_PERSONS  # people, before a half says anything


@dataclass(frozen=True, slots=True)
class HalfSplit:
    """Of `asked` so much was counted in the other half: mean and extremes over random splits.

    `persons` is the gallery's size of a search, 1 of a comparison.
    """

    persons: int
    asked: float
    ratio: float
    least: float
    most: float


def evaluate_halves(faces: Faces, *, splits: int = SPLITS) -> list[HalfSplit]:
    """FMR at two rates and FPIR at two sizes; nothing where there are fewer than 80 people."""
    people = np.unique(faces.person)
    if len(people) < FEWEST:
        return []
    ratios: dict[tuple[int, float], list[float]] = {}
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(people)
        fitted = _calibrated(faces, order[: len(order) // 2])
        if fitted is not None:
            for key, ratio in _tried(faces, order[len(order) // 2 :], fitted).items():
                ratios.setdefault(key, []).append(ratio)
    return [
        HalfSplit(
            persons=persons,
            asked=asked,
            ratio=round(float(np.mean(found)), 3),
            least=round(min(found), 3),
            most=round(max(found), 3),
        )
        for (persons, asked), found in ratios.items()
    ]


def _of(faces: Faces, people: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    inside = np.isin(faces.person, people)
    return inside, np.unique(faces.person[inside], return_inverse=True)[1].astype(np.int64)


def _calibrated(faces: Faces, people: NDArray[np.int64]) -> ScoreCalibration | None:
    inside, person = _of(faces, people)
    vectors, norms = faces.embedding[inside], faces.norm[inside]
    genuine, impostor = pairwise(vectors, person)
    if not len(genuine):
        return None
    fitted = fit_scores(genuine, impostor, data="half")
    return fitted.model_copy(update={"searches": check_searches(vectors, person, norms, fitted)})


def _tried(
    faces: Faces, people: NDArray[np.int64], fitted: ScoreCalibration
) -> dict[tuple[int, float], float]:
    inside, person = _of(faces, people)
    vectors = faces.embedding[inside]
    impostor = pairwise(vectors, person)[1]
    found = {
        (1, fmr): float((impostor >= fitted.threshold(fmr)).mean() / fmr)
        for fmr in FMRS
        if fitted.supported(fmr)
    }
    templates = fused(vectors, person, faces.norm[inside])
    similarity = vectors @ templates.T
    similarity[np.arange(len(person)), person] = -2.0
    others = len(templates) - 1
    for size in (each for each in SIZES if each < others):
        cut, _ = fitted.threshold_for_search(FPIR, size)
        found[size, FPIR] = alarm_rate((similarity >= cut).sum(axis=1), others, size) / FPIR
    return found
