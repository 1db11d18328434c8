"""Match, no match, or inconclusive and why: what similarities decide at an operating point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

Outcome: TypeAlias = Literal["match", "no_match", "inconclusive"]
Reason: TypeAlias = Literal["low_quality_probe", "near_threshold", "ambiguous_candidates"]

# Of two persons who are both above the threshold the better one is named where it is at least nine
# times as likely as the other, by the calibration's likelihood ratio.
SURE: Final = 0.9


class Point(NamedTuple):
    """Where a comparison or a search decides, and the error rates that stands for.

    `interval`: the similarities between which the threshold of that rate lies with 95 % confidence,
    by the calibration's own comparisons; None where a threshold was asked for, which is what it is.
    `slope` is that of the log-likelihood ratio over the similarity. `fpir` and `persons` are of a
    search only; an uncalibrated bundle knows no rate at all.
    """

    threshold: float
    fmr: float | None = None
    supported: bool | None = None
    fpir: float | None = None
    persons: int = 0
    interval: tuple[float, float] | None = None
    slope: float | None = None

    @property
    def least(self) -> float:
        """The smallest similarity that may not be called a stranger's."""
        return self.threshold if self.interval is None else min(self.interval[0], self.threshold)

    def near(self, similarity: float) -> bool:
        """Whether the calibration cannot tell on which side of the threshold it is."""
        return self.interval is not None and self.interval[0] <= similarity < self.interval[1]


class Decision(NamedTuple):
    """`reasons` are those of an inconclusive one, and of no other."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()


def compared(similarity: float, point: Point, *, poor: bool) -> Decision:
    """Whether two faces are of one person. `poor`: one of them is too poor to tell.

    Two poor images can look alike, and a poor one unlike itself: both ways are in doubt.
    """
    return _decided(similarity, point, low_quality_probe=poor)


def searched(similarities: Sequence[float], point: Point, *, poor: bool) -> Decision:
    """Whether the first of candidates, whose `similarities` fall, is the probe's person.

    Nobody at the threshold is `no_match`, however near the nearest is.
    """
    best = similarities[0] if similarities else -1.0
    twins = len(similarities) > 1 and _ambiguous(best, similarities[1], point)
    return _decided(best, point, low_quality_probe=poor, ambiguous_candidates=twins)


def _decided(similarity: float, point: Point, **doubts: bool) -> Decision:
    found = doubts | {"near_threshold": point.near(similarity)}
    order: tuple[Reason, ...] = ("low_quality_probe", "near_threshold", "ambiguous_candidates")
    if reasons := tuple(reason for reason in order if found.get(reason)):
        return Decision("inconclusive", reasons)
    return Decision("match" if similarity >= point.threshold else "no_match")


def _ambiguous(first: float, second: float, point: Point) -> bool:
    """Whether both are above the threshold, and one is hardly likelier than the other.

    Without a calibration nobody knows what a difference means, but that there is none.
    """
    if second < point.threshold:
        return False
    if point.slope is None:
        return first == second
    return 1 / (1 + math.exp(-point.slope * (first - second))) < SURE
