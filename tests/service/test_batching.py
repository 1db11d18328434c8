"""What the batcher promises its callers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from time import monotonic
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.batching import LANES, Batcher, Lane, Urgency
from service.cores import Cores
from service.errors import DeadlineExceeded, Overloaded

BULK = Urgency("bulk")


class Model:
    """Doubles numbers, refuses negative ones, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        assert self.go.wait(10)
        if any(item < 0 for item in items):
            raise ArithmeticError(f"no negatives: {items}")
        return [2 * item for item in items]

    @property
    def seen(self) -> set[int]:
        return {item for batch in self.batches for item in batch}


async def _until(model: Model, batches: int) -> None:
    while len(model.batches) < batches:  # noqa: ASYNC110 - the model runs in a thread
        await asyncio.sleep(0.001)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs `main`, and fails where something was left for asyncio to complain about."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        await main()

    asyncio.run(watched())
    assert not complaints


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 1000), max_size=6), max_size=12),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_every_caller_gets_its_own_answers_in_order(
    calls: list[list[int]], size: int, workers: int
) -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(workers), max_batch=size, max_queue=1000) as batcher:
            answers = await asyncio.gather(*map(batcher, calls))
        assert answers == [[2 * item for item in call] for call in calls]
        assert all(len(batch) <= size for batch in model.batches)

    run(main)


class Member(NamedTuple):
    """A caller with one item, and what becomes of it."""

    fate: Literal["served", "failing", "leaving", "late"]
    lane: Lane


members = st.builds(
    Member, st.sampled_from(("served", "failing", "leaving", "late")), st.sampled_from(LANES)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(members, min_size=1, max_size=14), st.integers(1, 6), st.integers(1, 2))
def test_members_that_leave_fail_or_are_late_never_touch_their_neighbors(
    callers: list[Member], size: int, workers: int
) -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(workers), max_batch=size, max_queue=100) as batcher:
            model.go.clear()
            busy = [asyncio.create_task(batcher([1000 + n])) for n in range(workers)]
            await _until(model, workers)
            calls = [_call(batcher, n + 1, caller) for n, caller in enumerate(callers)]
            await asyncio.sleep(0)
            for call, caller in zip(calls, callers, strict=True):
                if caller.fate == "leaving":
                    call.cancel()
            await asyncio.sleep(0.012)  # the deadlines pass
            model.go.set()
            answers = await asyncio.gather(*calls, return_exceptions=True)
            await asyncio.gather(*busy)
            assert batcher.alive
        for n, (caller, answer) in enumerate(zip(callers, answers, strict=True), 1):
            _check(n, caller, answer, model)

    run(main)


def _call(batcher: Batcher[int, int], n: int, caller: Member) -> asyncio.Task[list[int]]:
    deadline = monotonic() + 0.01 if caller.fate == "late" else None
    item = -n if caller.fate == "failing" else n
    return asyncio.create_task(batcher([item], Urgency(caller.lane, deadline)))


def _check(n: int, caller: Member, answer: object, model: Model) -> None:
    match caller.fate:
        case "served":
            assert answer == [2 * n]
        case "failing":
            assert isinstance(answer, ArithmeticError)
            assert str(answer) == f"no negatives: [{-n}]"  # alone, whoever was in its batch
        case "leaving":
            assert isinstance(answer, asyncio.CancelledError)
            assert n not in model.seen
        case "late":
            assert isinstance(answer, DeadlineExceeded)
            assert n not in model.seen


def test_what_queued_while_the_model_was_busy_becomes_one_batch() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(1), max_batch=8, max_queue=100) as batcher:
            model.go.clear()
            first = asyncio.create_task(batcher([1]))
            await _until(model, 1)
            rest = [asyncio.create_task(batcher([n])) for n in (2, 3, 4)]
            await asyncio.sleep(0.01)
            model.go.set()
            await asyncio.gather(first, *rest)
        assert model.batches == [[1], [2, 3, 4]]

    run(main)


def test_what_waits_is_spread_over_the_workers_that_are_free() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(2), max_batch=4, max_queue=100) as batcher:
            assert await batcher(range(6)) == [0, 2, 4, 6, 8, 10]
        assert sorted(model.batches) == [[0, 1, 2], [3, 4, 5]]

    run(main)


def test_an_interactive_caller_waits_for_the_running_bulk_batch_only() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(1), max_batch=2, max_queue=100) as batcher:
            model.go.clear()
            imported = [asyncio.create_task(batcher([n], BULK)) for n in range(10)]
            await _until(model, 1)
            probe = asyncio.create_task(batcher([99]))
            await asyncio.sleep(0)
            model.go.set()
            assert await probe == [198]
            assert await asyncio.gather(*imported) == [[2 * n] for n in range(10)]
        assert model.batches[1] == [99]  # alone: bulk members would make its batch slower

    run(main)


def test_a_full_bulk_lane_refuses_no_interactive_caller() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(1), max_batch=1, max_queue=2) as batcher:
            model.go.clear()
            imported = [asyncio.create_task(batcher([n], BULK)) for n in range(3)]
            await _until(model, 1)
            with pytest.raises(Overloaded):
                await batcher([3], BULK)
            probe = asyncio.create_task(batcher([4]))
            await asyncio.sleep(0)
            model.go.set()
            assert await probe == [8]
            await asyncio.gather(*imported)

    run(main)


def test_a_deadline_that_has_passed_costs_nothing() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(1), max_batch=1, max_queue=100) as batcher:
            with pytest.raises(DeadlineExceeded):
                await batcher([1], Urgency(deadline=monotonic()))
        assert model.batches == []

    run(main)


def test_a_caller_learns_at_its_deadline_that_the_model_is_stuck() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(1), max_batch=1, max_queue=100) as batcher:
            model.go.clear()
            with pytest.raises(DeadlineExceeded):  # while its batch is running
                await batcher([1], Urgency(deadline=monotonic() + 0.01))
            model.go.set()
            assert await batcher([2]) == [4]

    run(main)


def test_a_model_with_too_few_outputs_fails_its_callers_and_goes_on() -> None:
    async def main() -> None:
        outputs = iter([[], [1]])
        async with Batcher(
            lambda _: next(outputs), Cores(1), max_batch=1, max_queue=100
        ) as batcher:
            with pytest.raises(ValueError, match="0 outputs for 1 items"):
                await batcher([1])
            assert await batcher([2]) == [1]

    run(main)


@pytest.mark.parametrize("error", [StopIteration(3), SystemExit(1), TimeoutError("no answer")])
def test_whatever_a_model_raises_reaches_its_caller_and_nobody_else(error: BaseException) -> None:
    def model(items: Sequence[int]) -> Sequence[int]:
        if 1 in items:
            raise error
        return items

    async def main() -> None:
        async with Batcher(model, Cores(1), max_batch=4, max_queue=100) as batcher:
            bad, good = await asyncio.gather(batcher([1]), batcher([2]), return_exceptions=True)
            assert isinstance(bad, RuntimeError | TimeoutError)
            assert str(error.args[0]) in str(bad)
            assert good == [2]

    run(main)


def test_one_failing_item_fails_the_call_it_came_with() -> None:
    async def main() -> None:
        async with Batcher(Model(), Cores(1), max_batch=8, max_queue=100) as batcher:
            bad, good = await asyncio.gather(
                batcher([1, -1, 2, -2]), batcher([3, 4]), return_exceptions=True
            )
            assert isinstance(bad, ArithmeticError)
            assert good == [6, 8]

    run(main)


def test_a_full_queue_refuses_at_once_and_says_when_to_return() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(1), max_batch=1, max_queue=2) as batcher:
            model.go.clear()
            busy = asyncio.create_task(batcher([0]))
            await _until(model, 1)
            waiting = asyncio.create_task(batcher([1, 2]))
            await asyncio.sleep(0)
            with pytest.raises(Overloaded) as refused:
                await batcher([3])
            assert refused.value.retry_after is not None
            model.go.set()
            assert await waiting == [2, 4]
            await busy

    run(main)


def test_those_who_left_make_room_for_others() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(1), max_batch=1, max_queue=2) as batcher:
            model.go.clear()
            busy = asyncio.create_task(batcher([0]))
            await _until(model, 1)
            leaving = asyncio.create_task(batcher([1, 2]))
            await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.sleep(0)
            staying = asyncio.create_task(batcher([3, 4]))
            await asyncio.sleep(0)
            model.go.set()
            assert await staying == [6, 8]
            await busy

    run(main)


def test_the_backlog_grows_with_what_waits() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(1), max_batch=1, max_queue=100) as batcher:
            assert batcher.backlog == 0
            await batcher([1])
            model.go.clear()
            calls = [asyncio.create_task(batcher([n])) for n in range(3)]
            await _until(model, 2)
            three = batcher.backlog
            calls.append(asyncio.create_task(batcher([3])))
            await asyncio.sleep(0)
            assert 0 < three < batcher.backlog
            model.go.set()
            await asyncio.gather(*calls)

    run(main)


def test_closing_finishes_what_was_accepted() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, Cores(1), max_batch=1, max_queue=100) as batcher:
            calls = [asyncio.create_task(batcher([n])) for n in range(5)]
            await asyncio.sleep(0)
        assert [await call for call in calls] == [[2 * n] for n in range(5)]
        with pytest.raises(RuntimeError):
            await batcher([1])

    run(main)
