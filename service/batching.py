"""Turns many small calls into few large ones, on the one thread that owns a model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Generic, Self, TypeVar

from service.errors import Overloaded

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(slots=True)
class _Entry(Generic[In, Out]):
    item: In
    result: asyncio.Future[Out]


class Batcher(Generic[In, Out]):
    """Runs a model over whatever arrived while its last batch was running.

    There is no timer. An idle model starts at once, and a busy one finds its next batch
    already waiting, so batches grow exactly when they pay. A failing batch fails alone, a
    cancelled caller leaves its neighbours, and closing finishes what was accepted.
    """

    def __init__(
        self, run: Callable[[Sequence[In]], Sequence[Out]], *, max_batch: int, max_queue: int
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._queue: deque[_Entry[In, Out]] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._seconds_per_item = 0.0
        self._closing = False

    async def __aenter__(self) -> Self:
        self._worker = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Finishes what was accepted, then stops."""
        self._closing = True
        self._arrived.set()
        await self._worker
        self._thread.shutdown()

    @property
    def alive(self) -> bool:
        return not self._worker.done()

    async def __call__(self, items: Sequence[In]) -> list[Out]:
        """The output for each item, in order.

        Raises Overloaded when the queue is full, RuntimeError after closing, and whatever the
        model raised for the batch an item was in.
        """
        if self._closing:
            raise RuntimeError("The batcher is closed.")
        if self._queue and len(self._queue) + len(items) > self._max_queue:
            raise Overloaded(retry_after=len(self._queue) * self._seconds_per_item)
        loop = asyncio.get_running_loop()
        entries = [_Entry[In, Out](item, loop.create_future()) for item in items]
        self._queue.extend(entries)
        self._arrived.set()
        return list(await asyncio.gather(*(entry.result for entry in entries)))

    async def _work(self) -> None:
        while self._queue or not self._closing:
            await self._arrived.wait()
            if batch := self._take():
                await self._settle(batch)

    async def _settle(self, batch: list[_Entry[In, Out]]) -> None:
        started = monotonic()
        items = [entry.item for entry in batch]
        loop = asyncio.get_running_loop()
        try:
            outputs = await loop.run_in_executor(self._thread, self._run, items)
            settled = list(zip(batch, outputs, strict=True))
        except Exception as error:  # noqa: BLE001 - one bad batch must not stop the next
            for entry in batch:
                if not entry.result.done():
                    entry.result.set_exception(error)
            return
        for entry, output in settled:
            if not entry.result.done():  # its client may have left
                entry.result.set_result(output)
        spent = (monotonic() - started) / len(batch)
        self._seconds_per_item += 0.1 * (spent - self._seconds_per_item)

    def _take(self) -> list[_Entry[In, Out]]:
        batch: list[_Entry[In, Out]] = []
        while self._queue and len(batch) < self._max_batch:
            entry = self._queue.popleft()
            if not entry.result.cancelled():
                batch.append(entry)
        if not self._queue and not self._closing:
            self._arrived.clear()
        return batch
