"""How long each part is measured: in full, or with `--quick`."""

from __future__ import annotations

from typing import NamedTuple


class Plan(NamedTuple):
    """Seconds and rounds. `turn` is one contestant's share of a round, `warm` is not counted."""

    photographs: int  # of three: how many the contestants meet
    rounds: int
    turn: float
    slow_rounds: int  # with a network that takes 150 ms a face
    slow_turn: float
    warm: float
    point: float  # one load of the curve,
    least: int  # or until so many requests were due
    shares: tuple[float, ...]  # of the capacity
    equal_rounds: int
    equal: float  # one turn at equal load
    overload: float
    calm: float  # after the overload


FULL = Plan(
    photographs=3,
    rounds=5,
    turn=8,
    slow_rounds=3,
    slow_turn=12,
    warm=1,
    point=20,
    least=200,
    shares=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.5),
    equal_rounds=3,
    equal=20,
    overload=60,
    calm=10,
)
QUICK = Plan(
    photographs=1,
    rounds=1,
    turn=3,
    slow_rounds=1,
    slow_turn=4,
    warm=0.5,
    point=4,
    least=20,
    shares=(0.1, 0.5, 0.9, 1.5),
    equal_rounds=1,
    equal=5,
    overload=6,
    calm=4,
)
