"""Whether the networks still answer: known from requests, and asked where there are none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

import cv2
import numpy as np

from models.alignment import CROP_SIZE
from service import telemetry
from service.errors import ServiceError
from service.pipeline import Pipeline, Selection
from service.runtime import Service

log = logging.getLogger("service")
EVERY: Final = 5.0  # seconds without an answer after which the service asks itself
PATIENCE: Final = 20.0  # seconds that one such question may take
STALE: Final = 30.0  # seconds without any answer after which the process should be restarted
STAGE: Final = "embed"  # the last one: whoever came that far went through both networks


class Health:
    """Alive while the last inference is recent; ready while nothing is missing."""

    def __init__(self, *, stale: float = STALE, clock: Callable[[], float] = monotonic) -> None:
        self._stale, self._clock = stale, clock
        self._since = clock()
        self.draining = False

    @property
    def alive(self) -> bool:
        """Whether an inference ended lately, of a request or of our own."""
        return self._clock() - self._last() < self._stale

    def missing(self, service: Service) -> list[str]:
        """What keeps the service from answering requests, nothing where it is ready."""
        absent = {
            "networks": not service.pipeline.ready or not self.alive,
            "collections": service.gallery.building > 0,
            "storage": not service.gallery.writable,
            "draining": self.draining,
        }
        return [name for name, is_absent in absent.items() if is_absent]

    @asynccontextmanager
    async def watching(self, pipeline: Pipeline) -> AsyncIterator[None]:
        """Asks the networks a question of our own whenever nobody else has for a while."""
        await ask(pipeline)
        watcher = asyncio.create_task(self._watch(pipeline))
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    def _last(self) -> float:
        return max(self._since, telemetry.latest.get(STAGE, self._since))

    async def _watch(self, pipeline: Pipeline) -> None:
        while True:
            if self._clock() - self._last() >= EVERY:
                await ask(pipeline)
            await asyncio.sleep(EVERY / 5)


async def ask(pipeline: Pipeline) -> None:
    """Finds faces in a gray picture and embeds it; a failure is logged, and no answer."""
    encoded = cv2.imencode(".png", np.full((CROP_SIZE, CROP_SIZE, 3), 128, np.uint8))[1].tobytes()
    try:
        async with asyncio.timeout(PATIENCE):
            await pipeline(encoded, Selection(max_faces=1))
            await pipeline(encoded, Selection(max_faces=1, aligned=True))
    except (ServiceError, TimeoutError) as late:
        log.warning("the networks did not answer in time: %s", late or type(late).__name__)
    except Exception:
        log.exception("the networks failed")
