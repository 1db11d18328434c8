"""When requests are due, whatever became of the ones before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """Arrival times in [0, `seconds`) of a Poisson process of `rate` a second, in order.

    Callers who know nothing of each other arrive like that: gaps are exponential, and requests
    come in clumps that an even pace would never try.
    """
    random = np.random.default_rng(seed)
    enough = int(rate * seconds + 8 * np.sqrt(rate * seconds) + 16)  # 8 deviations
    times = np.cumsum(random.exponential(1 / rate, enough))
    arrivals: list[float] = times[times < seconds].tolist()
    return arrivals


def arrivals(phases: Sequence[tuple[float, float]], seed: int) -> list[float]:
    """Poisson arrivals at one rate after another; each phase is (a second, seconds)."""
    times, start = [], 0.0
    for number, (rate, seconds) in enumerate(phases):
        times += [start + time for time in poisson(rate, seconds, seed + number)]
        start += seconds
    return times
