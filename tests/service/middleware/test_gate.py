"""A gate lets in what is answered in a bearable time, at any rate, and says honestly when to return.

The machine behind it is simulated, and so is the clock: seconds cost nothing.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.errors import Overloaded
from service.middleware.gate import BURST, LONGEST, Gate, Place

TARGET, MOST = 0.75, 256


@dataclass
class Machine:
    """Answers batches of up to `batch` in `seconds` each, in order of arrival."""

    seconds: float
    batch: int = 1
    now: float = 0.0
    queue: deque[tuple[float, Place]] = field(default_factory=deque)
    running: list[tuple[float, Place]] = field(default_factory=list)
    free_at: float = 0.0
    latencies: list[tuple[float, float]] = field(default_factory=list)  # (arrival, seconds)
    refusals: list[tuple[float, float]] = field(default_factory=list)  # (arrival, Retry-After)

    def __post_init__(self) -> None:
        self.gate = Gate("test", target=TARGET, most=MOST, clock=lambda: self.now)

    @property
    def capacity(self) -> float:
        return self.batch / self.seconds

    def load(self, arrivals: list[float], *, served: bool = True) -> None:
        """Offers requests at those times, and works on between them."""
        for arrival in arrivals:
            self._work(arrival)
            self.now = arrival
            try:
                place = self.gate.enter()
                place.work()
            except Overloaded as error:
                self.refusals.append((arrival, error.retry_after))
                continue
            if served:
                self.queue.append((arrival, place))
            else:
                place.leave(served=False)
            self._start()

    def _work(self, until: float) -> None:
        while self.running and self.free_at <= until:
            self.now = self.free_at
            for arrival, place in self.running:
                place.leave(served=True)
                self.latencies.append((arrival, self.now - arrival))
            self.running = []
            self._start()

    def _start(self) -> None:
        if not self.running and self.queue:
            self.running = [self.queue.popleft() for _ in range(min(self.batch, len(self.queue)))]
            self.free_at = self.now + self.seconds


def arrivals(rate: float, start: float, seconds: float) -> list[float]:
    gaps = np.random.default_rng(0).exponential(1 / rate, int(rate * seconds))
    return (start + np.cumsum(gaps)).tolist()


MACHINES = [(0.1, 1), (0.1, 4), (0.01, 1), (0.03, 8), (0.004, 1)]


@pytest.mark.parametrize(("seconds", "batch"), MACHINES)
def test_at_ten_times_the_capacity_all_of_it_is_used_and_nobody_waits_long(
    seconds: float, batch: int
) -> None:
    machine = Machine(seconds, batch)
    machine.load(arrivals(10 * machine.capacity, 0, 20))
    answered = [latency for arrival, latency in machine.latencies if arrival > 1]
    assert len(machine.latencies) / machine.now >= 0.95 * machine.capacity
    assert np.quantile(answered, 0.99, method="higher") <= 1.0
    assert len(machine.refusals) > 8 * len(machine.latencies)


@pytest.mark.parametrize(("seconds", "batch"), MACHINES)
def test_a_load_that_can_be_borne_is_let_in(seconds: float, batch: int) -> None:
    machine = Machine(seconds, batch)
    machine.load(arrivals(0.6 * machine.capacity, 0, 40))
    assert len(machine.refusals) <= 0.01 * len(machine.latencies)


def test_after_an_overload_everybody_is_let_in_again() -> None:
    machine = Machine(0.1)
    machine.load(arrivals(100, 0, 30) + arrivals(5, 31, 30))
    end = max(arrival for arrival, _ in machine.refusals)
    assert end <= 32
    assert max(latency for arrival, latency in machine.latencies if arrival > 32) <= 1


def test_a_machine_that_becomes_slow_is_noticed() -> None:
    machine = Machine(0.01)
    machine.load(arrivals(90, 0, 10))
    machine.seconds = 0.1
    machine.load(arrivals(90, 10, 20))
    assert max(latency for arrival, latency in machine.latencies if arrival > 18) <= 1.1


def test_requests_that_fail_at_once_do_not_make_the_machine_look_fast() -> None:
    machine = Machine(0.1)
    good, bad = arrivals(20, 0, 20), arrivals(500, 0, 20)
    for time in heapq.merge(good, bad):
        machine.load([time], served=time in good)
    assert np.quantile([latency for _, latency in machine.latencies], 0.99) <= 1.0


def test_retry_after_grows_with_those_who_were_told_to_return() -> None:
    machine = Machine(0.1)
    machine.load(arrivals(20, 0, 10))
    told = [retry for _, retry in machine.refusals]
    # All of them at once, in order, is how long the last one would wait for its turn.
    turns = [BURST / machine.capacity + n / machine.capacity for n in range(1, len(told) + 1)]
    assert np.allclose(told, turns, rtol=0.3)


def test_retry_after_is_forgotten_once_there_is_room() -> None:
    machine = Machine(0.1)
    machine.load(arrivals(100, 0, 10) + arrivals(2, 20, 10) + [40.0] * 20)
    assert machine.refusals[-1][1] <= 3


def test_before_anything_is_known_a_few_are_let_in() -> None:
    gate = Gate("test", target=TARGET, most=MOST)
    for _ in range(BURST):
        gate.enter()
    with pytest.raises(Overloaded):
        gate.enter()


def test_slow_uploads_take_nobodys_place_and_are_asked_again() -> None:
    machine = Machine(0.1)
    slow = [machine.gate.enter() for _ in range(BURST)]
    machine.now = 2 * TARGET
    working = [machine.gate.enter() for _ in range(BURST)]
    for place in working:
        place.work()
    with pytest.raises(Overloaded):
        slow[0].work()
    working[0].leave(served=True)
    slow[1].work()
    for place in [*slow, *working]:
        place.leave(served=True)
        place.leave(served=True)  # once is enough
    assert machine.gate.limit >= BURST


class Requests(RuleBasedStateMachine):
    """Whatever requests do and in whatever order: places are neither lost nor given twice."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.gate = Gate("test", target=TARGET, most=12, clock=lambda: self.now)
        self.places: list[Place] = []

    @contextmanager
    def refusals(self) -> Iterator[None]:
        told = 0.0
        try:
            yield
        except Overloaded as error:
            told = error.retry_after
        assert 0 <= told <= LONGEST

    @rule()
    def enter(self) -> None:
        with self.refusals():
            self.places.append(self.gate.enter())

    @rule(seconds=st.floats(0, 5))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.places)
    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        with self.refusals():
            data.draw(st.sampled_from(self.places)).work()

    @precondition(lambda self: self.places)
    @rule(data=st.data(), served=st.booleans())
    def leave(self, data: st.DataObject, served: bool) -> None:
        data.draw(st.sampled_from(self.places)).leave(served=served)

    @invariant()
    def the_limit_is_kept(self) -> None:
        assert min(BURST, 12) <= self.gate.limit <= 12
        assert 0 <= self.gate.working <= 12

    def teardown(self) -> None:
        for place in self.places:
            place.leave(served=False)
        assert self.gate.working == 0
        for _ in range(BURST):
            self.gate.enter()


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
