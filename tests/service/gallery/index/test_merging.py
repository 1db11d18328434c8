"""Who queues while a run is going on is answered by the next, together, and fails alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from service.gallery.index.merging import MOST_AT_ONCE, Merging


class Doubling:
    """Doubles integers and remembers the runs; the first waits until it is let go."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []
        self.started, self.free = Event(), Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.runs.append(list(items))
        self.started.set()
        self.free.wait()
        if any(item < 0 for item in items):
            raise ValueError(f"negative: {min(items)}")
        return [2 * item for item in items]


def answers(run: Doubling, items: Sequence[int]) -> list[int | str]:
    """The answers, or errors, to items that all came while the first was being run."""
    merging = Merging[int, int]()

    def asked(item: int) -> int | str:
        try:
            return merging(item, run)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(len(items)) as pool:
        calls = [pool.submit(asked, items[0])]
        assert run.started.wait(10)
        for place, item in enumerate(items[1:], start=2):
            calls.append(pool.submit(asked, item))
            while len(merging._queue) < place:
                time.sleep(0.0005)
        run.free.set()
        found = [call.result() for call in calls]
    assert not merging._queue
    return found


def test_what_queued_meanwhile_is_run_together() -> None:
    run = Doubling()
    assert answers(run, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert run.runs == [[1], [2, 3, 4]]


def test_one_that_fails_fails_alone() -> None:
    assert answers(Doubling(), [1, 2, -3, 4, -5]) == [2, 4, "negative: -3", 8, "negative: -5"]


def test_a_run_has_its_most_and_the_rest_comes_next() -> None:
    run = Doubling()
    items = list(range(MOST_AT_ONCE + 6))
    assert answers(run, items) == [2 * item for item in items]
    assert [len(each) for each in run.runs] == [1, MOST_AT_ONCE, 5]


def test_an_interrupt_reaches_its_caller_and_the_next_is_answered() -> None:
    interrupts = [KeyboardInterrupt()]

    def run(items: Sequence[int]) -> list[int]:
        if interrupts:
            raise interrupts.pop()
        return list(items)

    merging = Merging[int, int]()
    with pytest.raises(KeyboardInterrupt):
        merging(1, run)
    assert merging(2, run) == 2
