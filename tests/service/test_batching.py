"""What the batcher promises its callers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.batching import Batcher
from service.errors import Overloaded


class Model:
    """Doubles numbers, one batch at a time, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        assert self.go.wait(10)
        if -1 in items:
            raise ArithmeticError("no negatives")
        return [2 * item for item in items]


async def _until(model: Model, batches: int) -> None:
    while len(model.batches) < batches:  # noqa: ASYNC110 - the model runs in a thread
        await asyncio.sleep(0.001)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 1000), max_size=6), max_size=12), st.integers(1, 5))
def test_every_caller_gets_its_own_answers_in_order(calls: list[list[int]], size: int) -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, max_batch=size, max_queue=1000) as batcher:
            answers = await asyncio.gather(*map(batcher, calls))
        assert answers == [[2 * item for item in call] for call in calls]
        assert all(len(batch) <= size for batch in model.batches)

    asyncio.run(main())


def test_what_queued_while_the_model_was_busy_becomes_one_batch() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, max_batch=8, max_queue=100) as batcher:
            model.go.clear()
            first = asyncio.create_task(batcher([1]))
            await _until(model, 1)
            rest = [asyncio.create_task(batcher([n])) for n in (2, 3, 4)]
            await asyncio.sleep(0.01)
            model.go.set()
            await asyncio.gather(first, *rest)
        assert model.batches == [[1], [2, 3, 4]]

    asyncio.run(main())


def test_a_failing_batch_fails_alone() -> None:
    async def main() -> None:
        async with Batcher(Model(), max_batch=1, max_queue=100) as batcher:
            bad, good = await asyncio.gather(batcher([-1]), batcher([2]), return_exceptions=True)
            assert isinstance(bad, ArithmeticError)
            assert good == [4]
            assert batcher.alive

    asyncio.run(main())


def test_a_caller_that_leaves_does_not_disturb_its_neighbours() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, max_batch=8, max_queue=100) as batcher:
            model.go.clear()
            busy = asyncio.create_task(batcher([1]))
            await _until(model, 1)
            leaving, staying = asyncio.create_task(batcher([2])), asyncio.create_task(batcher([3]))
            await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.sleep(0.01)
            model.go.set()
            assert await staying == [6]
            assert await busy == [2]
        assert model.batches == [[1], [3]]

    asyncio.run(main())


def test_a_full_queue_refuses_at_once_and_says_when_to_return() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, max_batch=1, max_queue=2) as batcher:
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

    asyncio.run(main())


def test_closing_finishes_what_was_accepted() -> None:
    async def main() -> None:
        model = Model()
        async with Batcher(model, max_batch=1, max_queue=100) as batcher:
            calls = [asyncio.create_task(batcher([n])) for n in range(5)]
            await asyncio.sleep(0)
        assert [await call for call in calls] == [[2 * n] for n in range(5)]
        with pytest.raises(RuntimeError):
            await batcher([1])

    asyncio.run(main())
