"""Contestants take turns, so that a machine that slows down slows all of them down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median

Rounds = dict[str, list[float]]  # what each contestant reached, round by round


def alternated(contestants: Mapping[str, Callable[[], float]], rounds: int) -> Rounds:
    """Each round measures everybody once; who begins changes from round to round."""
    reached: Rounds = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            reached[name].append(contestants[name]())
    return reached


def best(reached: Rounds, *names: str) -> str:
    """The one of `names` with the highest median."""
    return max(names, key=lambda name: median_of(reached, name))


def median_of(reached: Rounds, name: str) -> float:
    return median(reached[name])


def ratio(reached: Rounds, name: str, other: str) -> float:
    """The median over the rounds of `name` divided by `other`; NaN where `other` did nothing."""
    pairs = zip(reached[name], reached[other], strict=True)
    ratios = [ours / theirs for ours, theirs in pairs if theirs]
    return median(ratios) if ratios else float("nan")
