"""Answers concurrent calls together: who gets the turn answers all that came while it waited."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

MOST_AT_ONCE: Final = 64


@dataclass(slots=True, eq=False)
class _Entry(Generic[In, Out]):
    item: In
    output: list[Out] = field(default_factory=list)  # one once answered
    error: Exception | None = None

    @property
    def settled(self) -> bool:
        return bool(self.output) or self.error is not None


class Merging(Generic[In, Out]):
    """Runs the items of several threads' calls together, one run at a time, without a timer.

    An idle one runs at once; while it is busy callers queue, and the next of them to get the turn
    runs for all. What fails together is run again one by one, so that a bad item fails alone.
    """

    def __init__(self) -> None:
        self._queue: deque[_Entry[In, Out]] = deque()
        self._turn = Lock()

    def __call__(self, item: In, run: Callable[[Sequence[In]], Sequence[Out]]) -> Out:
        """The output for the item. Raises what `run` raises for it.

        `run` is the same each time. It is not kept: the owner of a method that was would live on
        after its last use, with gigabytes, until the garbage collector came by.
        """
        entry = _Entry[In, Out](item)
        self._queue.append(entry)
        while not entry.settled:  # more than once only behind more than fit into a run
            with self._turn:
                if not entry.settled:
                    self._settle(run)
        if entry.error is not None:
            raise entry.error
        return entry.output[0]

    def _settle(self, run: Callable[[Sequence[In]], Sequence[Out]]) -> None:
        """Leaves entries queued until they are settled, so that an interrupt loses none."""
        entries = [self._queue[place] for place in range(min(len(self._queue), MOST_AT_ONCE))]
        try:
            _settle(entries, run)
        except Exception as error:  # noqa: BLE001 - raised in the thread whose item it is
            if len(entries) == 1:
                entries[0].error = error
            else:
                for entry in entries:
                    _settle_alone(entry, run)
        for _ in entries:
            self._queue.popleft()


def _settle(
    entries: Sequence[_Entry[In, Out]], run: Callable[[Sequence[In]], Sequence[Out]]
) -> None:
    outputs = run([entry.item for entry in entries])
    for entry, output in zip(entries, outputs, strict=True):
        entry.output[:] = [output]


def _settle_alone(entry: _Entry[In, Out], run: Callable[[Sequence[In]], Sequence[Out]]) -> None:
    try:
        _settle([entry], run)
    except Exception as error:  # noqa: BLE001 - raised in the thread whose item it is
        entry.error = error
