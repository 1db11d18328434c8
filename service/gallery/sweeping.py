"""A thread that does something once in a while until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

logger = logging.getLogger(__name__)


class Sweeping:
    """Calls `sweep` every `interval` seconds; what it raises is logged, and it is called again."""

    def __init__(self, sweep: Callable[[], object], interval: float) -> None:
        self._sweep, self._interval = sweep, interval
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when no call is running; more calls of it do nothing."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self._sweep()
            except Exception:
                logger.exception("sweeping failed; it is tried again")
