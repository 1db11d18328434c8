"""Intervals by drawing people anew, not comparisons: those that share a person err together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

REPLICATES = 200
ROWS_AT_ONCE = 256
HEADROOM = 2.0  # a replicate's threshold lies among the best 2 x the largest rate


class Interval(NamedTuple):
    """95 % of the replicates lie within."""

    lower: float
    upper: float


class PersonIntervals(NamedTuple):
    """At one rate: of its threshold, of the FMR and of the TMR at the threshold that was set."""

    threshold: Interval
    fmr: Interval
    tmr: Interval


class _Pairs(NamedTuple):
    """Similarities, falling, and the two persons of each."""

    similarity: NDArray[np.float32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]


def by_person(  # noqa: PLR0913 - the comparisons, and what is asked of them
    vectors: NDArray[np.float32],
    persons: NDArray[np.integer],
    points: Sequence[tuple[float, float]],
    *,
    sources: NDArray[np.integer] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> list[PersonIntervals]:
    """The intervals of each point (fmr, threshold) of all pairs among (n, d) unit `vectors`.

    `persons` (n,) are numbers from 0. A person who is drawn twice counts twice, but never as a
    stranger to themself (Bolle et al. 2004, "subset bootstrap"). With `sources` (n,), numbers
    from 0, strangers are of one source.
    """
    rng = np.random.default_rng(seed)
    source = np.zeros(len(persons), np.int64) if sources is None else sources
    images = np.zeros((int(source.max()) + 1, int(persons.max()) + 1))
    np.add.at(images, (source, persons), 1)
    share = HEADROOM * max(fmr for fmr, _ in points)
    impostors, genuines = _closest(vectors, persons, source, share)
    reached = [np.searchsorted(-impostors.similarity, -cut, side="right") for _, cut in points]
    drawn = [
        _replicate(rng, images, impostors, genuines, points, reached) for _ in range(replicates)
    ]
    lower, upper = np.percentile(np.array(drawn), [2.5, 97.5], axis=0)
    return [
        PersonIntervals(*(Interval(float(a), float(b)) for a, b in zip(low, high, strict=True)))
        for low, high in zip(lower, upper, strict=True)
    ]


def _replicate(  # noqa: PLR0913 - what is drawn from, and what is asked of it
    rng: np.random.Generator,
    images: NDArray[np.float64],
    impostors: _Pairs,
    genuines: _Pairs,
    points: Sequence[tuple[float, float]],
    reached: Sequence[np.intp],
) -> list[tuple[float, float, float]]:
    """Threshold, FMR and TMR at each point, of people drawn with replacement."""
    people = images.shape[1]
    times = np.bincount(rng.integers(0, people, people), minlength=people)
    held = times * images  # of each source, by person
    total = max(float((held.sum(axis=1) ** 2 - (held**2).sum(axis=1)).sum()) / 2, 1.0)
    weight = (times[impostors.first] * times[impostors.second]).astype(np.float64)
    above = np.concatenate([[0.0], np.cumsum(weight)])
    mated = times[genuines.first].astype(np.float64)
    answers = []
    for (fmr, cut), index in zip(points, reached, strict=True):
        place = int(np.searchsorted(above[1:], fmr * total, side="right"))
        threshold = float(impostors.similarity[min(place, len(weight) - 1)])
        right = float(mated[genuines.similarity >= cut].sum() / max(mated.sum(), 1.0))
        answers.append((threshold, float(above[index] / total), right))
    return answers


def _closest(
    vectors: NDArray[np.float32],
    persons: NDArray[np.integer],
    source: NDArray[np.integer],
    share: float,
) -> tuple[_Pairs, _Pairs]:
    """The most similar `share` of the impostor pairs, and all genuine ones."""
    sample = _sampled(vectors, persons, source)
    cut = float(np.quantile(sample, max(0.0, 1 - share))) if len(sample) else -1.0
    found: tuple[list[NDArray[np.generic]], ...] = ([], [], [], [], [], [])
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        similarity = vectors[start : start + ROWS_AT_ONCE] @ vectors[start:].T
        later = np.triu(np.ones(similarity.shape, bool), k=1)
        rows_of = slice(start, start + ROWS_AT_ONCE)
        same = persons[rows_of, None] == persons[None, start:]
        strangers = later & ~same & (source[rows_of, None] == source[None, start:])
        for place, mask in ((0, strangers & (similarity >= cut)), (3, later & same)):
            rows, columns = np.nonzero(mask)
            found[place].append(similarity[rows, columns])
            found[place + 1].append(persons[start + rows])
            found[place + 2].append(persons[start + columns])
    parts = [np.concatenate(part) for part in found]
    return _falling(*parts[:3]), _falling(*parts[3:])


def _sampled(
    vectors: NDArray[np.float32],
    persons: NDArray[np.integer],
    source: NDArray[np.integer],
    most: int = 1000,
) -> NDArray[np.float32]:
    """Impostor similarities among every k-th image against all: where the best share begins."""
    step = 1 + len(vectors) // most
    similarity = vectors[::step] @ vectors.T
    strangers = persons[::step, None] != persons[None, :]
    strangers &= source[::step, None] == source[None, :]
    return np.asarray(similarity[strangers], np.float32)


def _falling(
    similarity: NDArray[np.generic], first: NDArray[np.generic], second: NDArray[np.generic]
) -> _Pairs:
    order = np.argsort(-np.asarray(similarity, np.float32), kind="stable")
    return _Pairs(
        np.asarray(similarity[order], np.float32),
        np.asarray(first[order], np.int32),
        np.asarray(second[order], np.int32),
    )
