"""Stages that share cores, and sessions that take all of them or one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from service.batching import Batcher, Urgency
from service.cores import Cores, Lane, crowded
from service.onnx import Elastic, open_session
from service.settings import STARTER


class Stages:
    """Two stages on the same cores, and what they did, in the order it began."""

    def __init__(self, count: int) -> None:
        self.cores = Cores(count)
        self.began: list[str] = []
        self.at_once, self.most, self.lock = 0, 0, threading.Lock()
        self.go = threading.Event()
        self.late = self.stage("late")
        self.early = self.stage("early")

    def stage(self, name: str) -> Batcher[int, int]:
        def work(items: Sequence[int]) -> list[int]:
            with self.lock:
                self.began += [f"{name} {item}" for item in items]
                self.at_once += 1
                self.most = max(self.most, self.at_once)
            assert self.go.wait(10)
            with self.lock:
                self.at_once -= 1
            return list(items)

        return Batcher(work, self.cores, max_batch=1, max_queue=100)

    async def begin(self, count: int) -> None:
        while len(self.began) < count:  # noqa: ASYNC110 - the work is in threads
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_never_more_threads_compute_than_there_are_cores(count: int) -> None:
    async def main() -> None:
        stages = Stages(count)
        stages.go.set()
        async with stages.late, stages.early:
            await asyncio.gather(
                *(stage([n]) for n in range(40) for stage in (stages.early, stages.late))
            )
        assert len(stages.began) == 80
        assert stages.most <= count

    asyncio.run(main())


def test_a_core_takes_probes_before_imports_and_what_is_nearly_finished_first() -> None:
    async def main() -> None:
        stages = Stages(1)

        def ask(stage: Batcher[int, int], number: int, lane: Lane) -> asyncio.Task[list[int]]:
            return asyncio.create_task(stage([number], Urgency(lane)))

        async with stages.late, stages.early:
            asked = [ask(stages.early, 0, "interactive")]
            await stages.begin(1)
            asked += [
                ask(stages.early, 1, "bulk"),
                ask(stages.late, 2, "bulk"),
                ask(stages.early, 3, "interactive"),
                ask(stages.late, 4, "interactive"),
            ]
            await asyncio.sleep(0.01)
            stages.go.set()
            await asyncio.gather(*asked)
        assert stages.began == ["early 0", "late 4", "early 3", "late 2", "early 1"]

    asyncio.run(main())


def test_a_batch_fills_while_there_is_something_else_to_do() -> None:
    async def main() -> None:
        cores, ran, go = Cores(1), list[list[int]](), threading.Event()

        def work(items: Sequence[int]) -> list[int]:
            ran.append(list(items))
            assert go.wait(10)
            return list(items)

        async with (
            Batcher(work, cores, max_batch=2, max_queue=9) as late,
            Batcher(work, cores, max_batch=1, max_queue=9) as early,
        ):
            asked = [asyncio.create_task(early([0]))]
            while not ran:  # noqa: ASYNC110 - the work is in threads
                await asyncio.sleep(0.001)
            asked += [asyncio.create_task(late([n])) for n in (1, 2, 3)]
            asked += [asyncio.create_task(early([n])) for n in (4, 5)]
            await asyncio.sleep(0.01)
            go.set()
            await asyncio.gather(*asked)
        assert ran == [[0], [1, 2], [4], [5], [3]]

    asyncio.run(main())


def test_closing_one_stage_finishes_what_it_accepted_while_another_holds_the_core() -> None:
    async def main() -> None:
        stages = Stages(1)
        async with stages.early:
            async with stages.late:
                first = asyncio.create_task(stages.early([1]))
                await stages.begin(1)
                second = asyncio.create_task(stages.late([2]))
                await asyncio.sleep(0.01)
                asyncio.get_running_loop().call_later(0.05, stages.go.set)
            assert await second == [2]
            assert await first == [1]

    asyncio.run(main())


class Width:
    """A session that only says which it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_inputs(self) -> Sequence[Any]:
        return []

    def get_outputs(self) -> Sequence[Any]:
        return []

    def run(self, _: Sequence[str] | None, __: Any) -> list[Any]:
        return [self.name]


def test_a_session_is_wide_for_a_single_caller_and_narrow_beside_others() -> None:
    session = Elastic(Width("wide"), Width("narrow"))
    both = threading.Barrier(2, timeout=10)

    def alone(_: Sequence[int]) -> list[Any]:
        return session.run(None, {})

    def beside(_: Sequence[int]) -> list[Any]:
        both.wait()
        found = session.run(None, {})
        both.wait()
        return found

    async def main() -> None:
        cores = Cores(2)
        async with (
            Batcher(alone, cores, max_batch=1, max_queue=9) as one,
            Batcher(beside, cores, max_batch=1, max_queue=9) as two,
        ):
            assert await one([0]) == ["wide"]
            assert await asyncio.gather(two([1]), two([2])) == [["narrow"], ["narrow"]]
            assert await one([3]) == ["wide"]

    asyncio.run(main())
    assert not crowded()


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("recognizer.onnx", (2, 112, 112, 3), np.uint8),
        ("detector.onnx", (1, 3, 320, 416), np.float32),
    ],
)
def test_wide_and_narrow_sessions_give_the_same_bits(
    name: str, shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    given = (255 * np.random.default_rng(0).random(shape)).astype(dtype)
    answers = []
    for threads in (1, 2, 3):
        session = open_session(STARTER / name, provider="cpu", threads=threads)
        answers.append(session.run(None, {session.get_inputs()[0].name: given}))
    for other in answers[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(answers[0], other, strict=True))
