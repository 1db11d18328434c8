"""Open-set 1:N on any folder of persons: FNIR at fixed FPIR over random known/unknown splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.identification import Searches, fnir_at, rank_rate, search, threshold_at_fpir
from training.evaluate.crops import listed
from training.evaluate.errors import EvaluationError
from training.evaluate.measures import Measure, supported

FPIRS = (1e-3, 1e-2, 1e-1)
Persons = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OpenSetReport:
    """Means over `splits`; the interval is the range of 95 % of the splits, gallery sizes vary.

    Every split enrolls one random crop of each known person; their other crops are the mated
    probes, all crops of the unknown persons the non-mated ones.
    """

    set: str
    persons: int
    crops: int
    splits: int
    gallery: int
    mated: int
    nonmated: int
    values: list[Measure]

    def measures(self) -> list[Measure]:
        return self.values


def read_persons(folder: Path) -> tuple[list[Path], Persons]:
    """The crops in `folder`, one folder per person, and the person of each, (n,)."""
    paths = [path for path in listed(folder) if path.parent != folder]
    names = sorted({path.parent for path in paths})
    if len(names) < 2:
        raise EvaluationError(f"{folder} must hold a folder of crops for each of several persons.")
    place = {name: index for index, name in enumerate(names)}
    return paths, np.array([place[path.parent] for path in paths], np.int64)


def evaluate_open_set(
    name: str,
    vectors: NDArray[np.float32],
    persons: Persons,
    *,
    known: float = 0.5,
    splits: int = 10,
) -> OpenSetReport:
    """`vectors` (n, d) unit rows of crops of `persons` (n,); `known` is the enrolled share.

    Raises EvaluationError where a split would leave nobody on one side.
    """
    runs = [_split(vectors, persons, known, seed) for seed in range(splits)]
    first = runs[0]
    nonmated = min(int((~run.mated).sum()) for run in runs)
    rates = supported(FPIRS, nonmated)
    columns = {"rank_1": [rank_rate(run, 1) for run in runs]} | {
        f"fnir_at_fpir_{rate:g}": [fnir_at(run, threshold_at_fpir(run, rate)) for run in runs]
        for rate in rates
    }
    return OpenSetReport(
        set=name,
        persons=len(np.unique(persons)),
        crops=len(persons),
        splits=splits,
        gallery=_known_count(persons, known),
        mated=int(first.mated.sum()),
        nonmated=nonmated,
        values=[_over_splits(measure, values) for measure, values in columns.items()],
    )


def _known_count(persons: Persons, known: float) -> int:
    """How many of the persons with two crops and more are enrolled."""
    _, counts = np.unique(persons, return_counts=True)
    return round(known * int((counts >= 2).sum()))


def _split(vectors: NDArray[np.float32], persons: Persons, known: float, seed: int) -> Searches:
    rng = np.random.default_rng(seed)
    people, counts = np.unique(persons, return_counts=True)
    enrollable = rng.permutation(people[counts >= 2])
    enrolled = enrollable[: _known_count(persons, known)]
    if not len(enrolled) or len(enrolled) == len(people):
        raise EvaluationError(
            "An open set needs persons with two crops to enroll and others left to be strangers."
        )
    gallery = np.array([rng.choice(np.flatnonzero(persons == person)) for person in enrolled])
    probes = np.setdiff1d(np.arange(len(persons)), gallery)
    return search(vectors[probes], persons[probes], vectors[gallery], persons[gallery])


def _over_splits(name: str, values: Sequence[float]) -> Measure:
    lower, upper = np.percentile(values, [2.5, 97.5])
    return Measure(name, float(np.mean(values)), float(lower), float(upper))
