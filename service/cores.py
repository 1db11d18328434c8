"""The threads that compute, one a core, and whose work they take next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock, RLock
from typing import Final, Literal, Protocol, TypeVar

Lane = Literal["interactive", "bulk"]
LANES: Final[tuple[Lane, ...]] = ("interactive", "bulk")  # in the order they are served
Answer = TypeVar("Answer")

log = logging.getLogger("service")
_counting = Lock()
_working = 0


class Stage(Protocol):
    """Who has work for a core."""

    def start(self, lane: Lane, *, full: bool) -> bool:
        """Gives a core work of that lane with `Cores.run`; False where there is none.

        With `full` only as much as is done at once at best.

        Called with `Cores.turn` held, in any thread.
        """


class Cores:
    """A fixed number of threads that stages share: never more of them compute than there are cores.

    More threads than cores would take turns on each, their networks throwing each other out of
    its cache. A free core takes what is interactive before what is bulk. Of a lane it takes full
    batches of the stage that joined first, then full ones of the others, and then what there is:
    so batches fill while there is something else to do, and nothing waits while there is not. It
    looks itself, in the thread that became free: an event loop that answers somebody else would
    let it wait.
    """

    def __init__(self, count: int, name: str = "core") -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self.count, self.free = count, count
        self.turn = RLock()  # held by whoever looks at the work that waits, or changes it
        self._stages: list[Stage] = []

    def join(self, stage: Stage) -> None:
        """Adds a stage, to be served after those that joined before."""
        with self.turn:
            self._stages.append(stage)

    def leave(self, stage: Stage) -> None:
        """The last one to leave ends the threads, whose end takes a turn of theirs."""
        with self.turn:
            self._stages.remove(stage)
            last = not self._stages
        if last:
            self._pool.shutdown()

    def run(self, work: Callable[[], Answer]) -> Future[Answer]:
        """Starts work on a free core, which then looks for more."""
        self.free -= 1
        return self._pool.submit(self._worked, work)

    def dispatch(self) -> None:
        """Gives every free core work, while there is some."""
        with self.turn:
            while self.free and any(map(self._started, LANES)):
                pass

    def _started(self, lane: Lane) -> bool:
        return any(stage.start(lane, full=full) for full in (True, False) for stage in self._stages)

    def _worked(self, work: Callable[[], Answer]) -> Answer:
        try:
            with _working_too():
                return work()
        finally:
            self._freed()

    def _freed(self) -> None:
        """Looks for more work; that there can be none must not cost the callers of what is done."""
        try:
            with self.turn:
                self.free += 1
                self.dispatch()
        except Exception:
            log.exception("a core could not be given work")


def crowded() -> bool:
    """Whether others than the asking thread compute in this process, whose cores they share."""
    return _working > 1


@contextmanager
def _working_too() -> Iterator[None]:
    global _working  # noqa: PLW0603 - a process has one set of cores, however many bundles it serves
    with _counting:
        _working += 1
    try:
        yield
    finally:
        with _counting:
            _working -= 1
