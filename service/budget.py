"""Keeps the memory of decoded pictures bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.telemetry import MOST_PIXELS, PIXELS


class PixelBudget:
    """Bounds the decoded pixels of all workers together.

    Requests are no measure: a 12-megapixel photograph is 36 MB once decoded. Whoever waits holds
    compressed bytes only. Taken by a worker and not by a request, or pictures of the bulk lane
    could keep a probe waiting.
    """

    def __init__(self, total: int) -> None:
        self._total, self._held = total, 0
        MOST_PIXELS.set(total)
        self._changed = threading.Condition()
        self._next = (
            threading.Lock()
        )  # one waits for room, or small pictures would pass a large one

    @contextmanager
    def holding(self, pixels: int) -> Iterator[None]:
        """Blocks until `pixels` fit; a picture larger than the whole budget goes alone."""
        with self._next, self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + pixels <= self._total)
            self._held += pixels
        PIXELS.inc(pixels)
        try:
            yield
        finally:
            PIXELS.dec(pixels)
            with self._changed:
                self._held -= pixels
                self._changed.notify_all()
