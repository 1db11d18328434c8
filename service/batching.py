"""Turns many small calls into few large ones, on the threads that own a model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final, Generic, Self, TypeVar

from service.cores import LANES, Cores, Lane
from service.errors import DeadlineExceeded, Overloaded
from service.telemetry import BATCHES, WAITED

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Urgency:
    """How soon an answer is needed: `deadline` is a time of `time.monotonic()`, None for ever.

    What is bulk gets only what the interactive leave.
    """

    lane: Lane = "interactive"
    deadline: float | None = None

    def remaining(self) -> float | None:
        """Seconds that are left, None for ever. Raises DeadlineExceeded where none are."""
        if self.deadline is None:
            return None
        if (left := self.deadline - monotonic()) <= 0:
            raise _late()
        return left


SOON: Final = Urgency()


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Exception


@dataclass(slots=True, eq=False)
class _Member(Generic[In, Out]):
    """One item in a queue, and where its answer goes."""

    item: In
    answer: asyncio.Future[Out]
    deadline: float | None
    since: float  # when it came, by `time.monotonic()`

    def wanted(self, now: float) -> bool:
        """Whether computing is still of use; tells a late member that it is not. In any thread."""
        if self.answer.done():
            return False
        if self.deadline is not None and self.deadline <= now:
            self.answer.get_loop().call_soon_threadsafe(self.settle, _Failure(_late()))
            return False
        return True

    def settle(self, outcome: Out | _Failure) -> None:
        if self.answer.done():  # its caller has left
            return
        if isinstance(outcome, _Failure):
            self.answer.set_exception(outcome.error)
        else:
            self.answer.set_result(outcome)

    def leave(self) -> None:
        """Ends the waiting; what was answered meanwhile counts as seen."""
        if not self.answer.cancel() and not self.answer.cancelled():
            self.answer.exception()


class Batcher(Generic[In, Out]):
    """Runs a model over whatever arrived while its last batches were running.

    There is no timer. An idle model starts at once, and a busy one finds its next batch
    already waiting, so batches grow exactly when they pay. Batches run side by side on the cores
    that are free, what waits being spread over them. A batch is of one lane, and cores take from
    the interactive first: bulk work delays a probe by at most the batch that is running.

    Members never touch their neighbors: a cancelled or late one is not computed, and a batch
    that fails is halved until the one that fails it is alone. Closing finishes what was
    accepted. Of one event loop; only `run` is called in threads.
    """

    def __init__(
        self,
        run: Callable[[Sequence[In]], Sequence[Out]],
        cores: Cores,
        *,
        max_batch: int,
        max_queue: int,
        name: str = "model",
    ) -> None:
        self._run, self._max_batch, self._max_queue = run, max_batch, max_queue
        self._cores = cores
        self._waited, self._sizes = WAITED.labels(name), BATCHES.labels(name)
        self._waiting: dict[Lane, deque[_Member[In, Out]]] = {lane: deque() for lane in LANES}
        self._running: dict[Future[list[Out | _Failure]], float] = {}  # and when it began
        self._seconds_per_item = 0.0
        self._idle = asyncio.Event()
        self._closing = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._idle.set()
        self._cores.join(self)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Finishes what was accepted, then stops."""
        self._closing = True
        await self._idle.wait()
        self._cores.leave(self)

    @property
    def alive(self) -> bool:
        """Whether it still accepts anything."""
        return not self._closing

    @property
    def queued(self) -> dict[str, int]:
        """Items that wait, by lane."""
        return {lane: len(queue) for lane, queue in self._waiting.items()}

    @property
    def backlog(self) -> float:
        """The seconds that a new interactive item would wait, by the pace so far."""
        ahead = len(self._waiting["interactive"]) + max(
            0, len(self._running) - self._cores.count + 1
        )
        return ahead * self._seconds_per_item / self._cores.count

    async def __call__(self, items: Sequence[In], urgency: Urgency = SOON) -> list[Out]:
        """The output for each item, in order.

        Raises Overloaded when the lane's queue is full, DeadlineExceeded, RuntimeError after
        closing, and what the model raised for one of the items.
        """
        if self._closing:
            raise RuntimeError("The batcher is closed.")
        remaining = urgency.remaining()
        queue = self._waiting[urgency.lane]
        if queue and len(queue) + len(items) > self._max_queue:
            raise Overloaded(retry_after=len(queue) * self._seconds_per_item / self._cores.count)
        now, late = monotonic(), urgency.deadline
        members = [_Member(item, self._loop.create_future(), late, now) for item in items]
        with self._cores.turn:
            queue.extend(members)
            self._cores.dispatch()
            self._rest()
        return await self._answers(members, queue, remaining)

    async def _answers(
        self,
        members: Sequence[_Member[In, Out]],
        queue: deque[_Member[In, Out]],
        remaining: float | None,
    ) -> list[Out]:
        limit = asyncio.timeout(remaining)
        try:
            async with limit:
                return [await member.answer for member in members]
        except BaseException as error:
            self._withdraw(members, queue)
            if limit.expired():
                raise _late() from error
            raise

    def _withdraw(
        self, members: Sequence[_Member[In, Out]], queue: deque[_Member[In, Out]]
    ) -> None:
        """Takes back what nobody waits for any more: a queue must not keep pictures alive."""
        with self._cores.turn:
            for member in members:
                if member in queue:
                    queue.remove(member)
        for member in members:
            member.leave()
        self._rest()

    def start(self, lane: Lane, *, full: bool) -> bool:
        """Gives a free core the next batch of a lane, or only a full one; in any thread.

        False where too little waits.
        """
        least = self._max_batch if full else 1
        if len(self._waiting[lane]) < least or not (batch := self._take(lane)):
            return False
        running = self._cores.run(partial(self._outcomes, [member.item for member in batch]))
        self._running[running] = monotonic()
        running.add_done_callback(partial(self._done, batch))
        return True

    def _done(self, batch: Sequence[_Member[In, Out]], done: Future[list[Out | _Failure]]) -> None:
        """In the thread that ran the batch."""
        self._loop.call_soon_threadsafe(self._settle, batch, done, monotonic())

    def _take(self, lane: Lane) -> list[_Member[In, Out]]:
        queue, now = self._waiting[lane], monotonic()
        batch: list[_Member[In, Out]] = []
        while queue and len(batch) < self._share(queue, len(batch)):
            if (member := queue.popleft()).wanted(now):
                batch.append(member)
        if batch:
            self._measure(batch, now)
        return batch

    def _measure(self, batch: Sequence[_Member[In, Out]], now: float) -> None:
        self._sizes.observe(len(batch))
        for member in batch:
            self._waited.observe(now - member.since)

    def _share(self, queue: Sequence[object], taken: int) -> int:
        """How many of `queue`, `taken` included, the next batch gets."""
        return min(self._max_batch, -(-(len(queue) + taken) // self._cores.free))

    def _outcomes(self, items: Sequence[In]) -> list[Out | _Failure]:
        """In a thread: an output or the reason there is none, for each item."""
        try:
            outputs = list(self._run(items))
            if len(outputs) != len(items):
                raise ValueError(f"the model gave {len(outputs)} outputs for {len(items)} items")  # noqa: TRY301 - fails as the model does
        except BaseException as error:  # noqa: BLE001 - whatever it is, it must reach its caller only
            if len(items) == 1:
                return [_Failure(_harmless(error))]
            half = len(items) // 2
            return self._outcomes(items[:half]) + self._outcomes(items[half:])
        return [*outputs]

    def _settle(
        self, batch: Sequence[_Member[In, Out]], done: Future[list[Out | _Failure]], ended: float
    ) -> None:
        spent = (ended - self._running.pop(done)) / len(batch)
        self._seconds_per_item += 0.1 * (spent - self._seconds_per_item)
        for member, outcome in zip(batch, done.result(), strict=True):
            member.settle(outcome)
        self._rest()

    def _rest(self) -> None:
        """Tells whoever closes whether nothing runs or waits."""
        with self._cores.turn:
            busy = bool(self._running) or any(self._waiting.values())
        (self._idle.clear if busy else self._idle.set)()


def _harmless(error: BaseException) -> Exception:
    """An error that a coroutine can raise: StopIteration would end it, SystemExit the event loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"the model raised {error!r}")


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("The deadline passed before the answer was computed; retry later.")
