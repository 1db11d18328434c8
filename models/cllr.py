"""How much a log-likelihood ratio is worth: Cllr (Brümmer and du Preez, 2006), and isotonic fits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def cllr(genuine: Numbers, impostor: Numbers) -> float:
    """The cost in bits of natural log-likelihood ratios: 0 is perfect, 1 tells nothing at all."""
    misses, alarms = np.logaddexp(0, -genuine).mean(), np.logaddexp(0, impostor).mean()
    return float((misses + alarms) / (2 * np.log(2)))


def min_cllr(genuine: Numbers, impostor: Numbers) -> float:
    """Cllr after the best monotone calibration these similarities allow (pool adjacent violators).

    What `cllr` is above it is lost by calibration; what is left, by discrimination.
    """
    share, weight = _merged(genuine, impostor)
    chance, cost = isotonic(share, weight), 0.0
    for truth, p in ((share, chance), (1 - share, 1 - chance)):
        there = truth > 0
        cost -= float((weight[there] * truth[there] * np.log2(p[there])).sum())
    return cost


def _merged(genuine: Numbers, impostor: Numbers) -> tuple[Numbers, Numbers]:
    """Share of genuines and weight of every run of one class (or of equal scores), rising.

    Each class weighs one half. Within a run an isotonic fit is constant, so that three million
    impostors around three thousand genuines are six thousand blocks.
    """
    scores = np.concatenate([genuine, impostor])
    good = np.concatenate([np.full(len(genuine), 0.5 / len(genuine)), np.zeros(len(impostor))])
    bad = np.concatenate([np.zeros(len(genuine)), np.full(len(impostor), 0.5 / len(impostor))])
    _, tied = np.unique(scores, return_inverse=True)
    good, bad = np.bincount(tied, good), np.bincount(tied, bad)
    kind = np.where(bad == 0, 1, np.where(good == 0, 0, 2))
    starts = np.concatenate([[True], (kind[1:] != kind[:-1]) | (kind[1:] == 2)])
    run = np.cumsum(starts) - 1
    good, bad = np.bincount(run, good), np.bincount(run, bad)
    mass = np.asarray(good + bad, np.float64)
    return np.asarray(good / mass, np.float64), mass


def isotonic(values: Numbers, weights: Numbers) -> Numbers:
    """The rising sequence nearest to `values` in weighted squares (pool adjacent violators)."""
    means: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, size = value, weight, 1
        while means and means[-1] >= mean:
            before, heavy = means.pop(), masses.pop()
            mean = (before * heavy + mean * mass) / (heavy + mass)
            mass, size = heavy + mass, size + sizes.pop()
        means.append(mean)
        masses.append(mass)
        sizes.append(size)
    return np.repeat(np.array(means), sizes)
