"""What the service counts and times, and the budget that keeps its memory bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Histogram(
    "http_server_request_duration_seconds",
    "Time from the request's first byte to the answer's last.",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)
ACTIVE = Gauge("http_server_active_requests", "Requests in progress.")
REFUSED = Counter("face_requests_refused_total", "Requests refused at admission.", ("reason",))
STAGES = Histogram(
    "face_stage_duration_seconds",
    "Time spent in one stage of the pipeline, queueing included.",
    ("stage",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
MODEL = Gauge("face_model_info", "The running bundle; always 1.", ("bundle", "provider"))


def observe(stage: str, seconds: float) -> None:
    """Counts one run of a pipeline stage."""
    STAGES.labels(stage).observe(seconds)


def server_timing(milliseconds: Mapping[str, float]) -> str:
    """The `Server-Timing` header (W3C) of a request's stages."""
    return ", ".join(f"{stage};dur={spent:.1f}" for stage, spent in milliseconds.items())


class PixelBudget:
    """Bounds the decoded pixels of all requests together.

    Requests are no measure: a 12-megapixel photograph is 36 MB once decoded. Waiting requests
    hold their compressed bytes only, and are served in order.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._held = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def holding(self, pixels: int) -> AsyncIterator[None]:
        """Waits until `pixels` fit; an image larger than the whole budget goes alone."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._held == 0 or self._held + pixels <= self._total
            )
            self._held += pixels
        try:
            yield
        finally:
            self._held -= pixels
            await asyncio.shield(self._wake())

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()
