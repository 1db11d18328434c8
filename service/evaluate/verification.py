"""1:1: what the bundle's thresholds promised, and what was counted; by group where there are some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bootstrap import by_person
from models.calibration import RATES, ScoreCalibration, pairwise
from models.metrics import fnmr_at, wilson
from service.evaluate.sample import Faces, Groups

GROUP_FMR = 1e-3
FEWEST_IN_GROUP = 10
POINTS = 60


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """FMR and FNMR counted at the bundle's threshold for `asked`, with 95 % intervals by person.

    `ratio` is FMR over `asked`. `counted` false matches say what it stands on.
    """

    asked: float
    threshold: float
    fmr: float
    fmr_lower: float
    fmr_upper: float
    ratio: float
    counted: int
    fnmr: float
    fnmr_lower: float
    fnmr_upper: float
    supported: bool


@dataclass(frozen=True, slots=True)
class Curves:
    """What is plotted: FNMR at falling FMR, and shares of the similarities in equal bins."""

    fmr: list[float]
    fnmr: list[float]
    edges: list[float]
    genuine: list[float]
    impostor: list[float]


@dataclass(frozen=True, slots=True)
class Verification:
    """All pairs of found faces."""

    persons: int
    genuines: int
    impostors: int
    points: list[OperatingPoint]
    curves: Curves


@dataclass(frozen=True, slots=True)
class GroupRates:
    """FMR among, and FNMR of, the persons of one group at one threshold for all."""

    column: str
    group: str
    persons: int
    genuines: int
    impostors: int
    fmr: float | None
    fmr_lower: float | None
    fmr_upper: float | None
    fnmr: float | None
    fnmr_lower: float | None
    fnmr_upper: float | None


def evaluate_verification(faces: Faces, scores: ScoreCalibration) -> Verification:
    """Compares all pairs at the thresholds of `scores` for 1e-1 to 1e-6."""
    genuine, impostor = pairwise(faces.embedding, faces.person)
    rates = [rate for rate in RATES if rate <= scores.thresholds[0].fmr]
    cuts = [(rate, scores.threshold(rate)) for rate in rates]
    intervals = by_person(faces.embedding, _dense(faces.person), cuts)
    points = []
    for (asked, cut), found in zip(cuts, intervals, strict=True):
        counted = int((impostor >= cut).sum())
        lower, upper = wilson(counted, len(impostor))
        points.append(
            OperatingPoint(
                asked=asked,
                threshold=round(cut, 5),
                fmr=counted / len(impostor),
                fmr_lower=min(lower, found.fmr.lower),
                fmr_upper=max(upper, found.fmr.upper),
                ratio=round(counted / len(impostor) / asked, 3),
                counted=counted,
                fnmr=round(fnmr_at(genuine, cut), 5),
                fnmr_lower=round(1 - found.tmr.upper, 5),
                fnmr_upper=round(1 - found.tmr.lower, 5),
                supported=scores.supported(asked),
            )
        )
    return Verification(
        persons=len(np.unique(faces.person)),
        genuines=len(genuine),
        impostors=len(impostor),
        points=points,
        curves=_curves(genuine, impostor),
    )


def _dense(person: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers from 0 without gaps: some persons' faces were not found."""
    return np.unique(person, return_inverse=True)[1].astype(np.int64)


def _curves(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> Curves:
    falling = np.sort(impostor)[::-1]
    fmrs = np.geomspace(max(1e-6, 3 / len(impostor)), 0.5, POINTS)
    cuts = falling[np.minimum((fmrs * len(falling)).astype(int), len(falling) - 1)]
    edges = np.linspace(-0.4, 1.0, 57)
    bars = [np.histogram(np.clip(s, -0.4, 1), edges)[0] / len(s) for s in (genuine, impostor)]
    return Curves(
        fmr=_rounded(fmrs, 9),
        fnmr=_rounded(np.array([fnmr_at(genuine, cut) for cut in cuts]), 5),
        edges=_rounded(edges, 4),
        genuine=_rounded(bars[0], 6),
        impostor=_rounded(bars[1], 6),
    )


def _rounded(values: NDArray[np.float64], digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def evaluate_groups(
    faces: Faces, names: tuple[str, ...], groups: Groups, scores: ScoreCalibration
) -> list[GroupRates]:
    """Rates at the threshold of FMR 1e-3, within each group of each column of at least 10 persons.

    Impostors are of the same group: the hard case, and the one that differs between groups.
    """
    cut, rows = scores.threshold(GROUP_FMR), []
    for column, members in groups.items():
        label = np.array([members.get(name, "") for name in names])[faces.person]
        for group in sorted({value for value in members.values() if value}):
            inside = label == group
            person = _dense(faces.person[inside])
            if len(np.unique(person)) >= FEWEST_IN_GROUP:
                rows.append(_group(column, group, faces.embedding[inside], person, cut))
    return rows


def _group(
    column: str, group: str, vectors: NDArray[np.float32], person: NDArray[np.int64], cut: float
) -> GroupRates:
    genuine, impostor = pairwise(vectors, person)
    [found] = by_person(vectors, person, [(GROUP_FMR, cut)])
    lower, upper = wilson(int((impostor >= cut).sum()), len(impostor))
    mated = len(genuine) > 0
    return GroupRates(
        column=column,
        group=group,
        persons=len(np.unique(person)),
        genuines=len(genuine),
        impostors=len(impostor),
        fmr=float((impostor >= cut).mean()),
        fmr_lower=min(lower, found.fmr.lower),
        fmr_upper=max(upper, found.fmr.upper),
        fnmr=fnmr_at(genuine, cut) if mated else None,
        fnmr_lower=1 - found.tmr.upper if mated else None,
        fnmr_upper=1 - found.tmr.lower if mated else None,
    )
