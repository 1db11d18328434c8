"""Carries on the changes of collections to another model, behind whatever probes come in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from models.calibration import RateOutOfRange
from service.agreement import Agreement, agreement
from service.batching import Urgency
from service.crops import decode
from service.errors import (
    BundleMismatch,
    CollectionNotFound,
    Overloaded,
    RenewalConflict,
    RenewalNotFound,
    ServiceError,
)
from service.gallery import Features, Slots, Waiting
from service.pipeline import Crop, Graded
from service.runtime import Service

log = logging.getLogger("service")

_PERSONS: Final = 16  # whose crops are embedded at once
_SAMPLE: Final = 3000  # faces that the two models are compared on
_TOLD: Final = 10.0  # seconds between two lines of progress
_AGAIN: Final = 5.0  # seconds after a failure
_LOOK: Final = 30.0  # seconds between two looks whether the index still stands by
_BULK: Final = Urgency("bulk")
_OVER: Final = (CollectionNotFound, RenewalNotFound, RenewalConflict)  # somebody ended it


@dataclass
class Progress:
    """What this process did for a collection: the rest is in the gallery."""

    embedded: int = 0
    failed: int = 0  # crops that turned out to be none, and were deleted
    seconds: float = 0.0  # spent embedding
    error: str | None = None  # why it does not go on
    agreement: Agreement | None = None
    told: float = field(default_factory=monotonic)

    @property
    def rate(self) -> float | None:
        """Faces per second."""
        return self.embedded / self.seconds if self.embedded and self.seconds else None


class Changeover:
    """Embeds the crops that wait, reads indexes that are to stand by, and takes out what is over.

    All of it can be cut off anywhere and is gone on with at the next start.
    """

    def __init__(self, service: Service) -> None:
        self._service, self._renewals = service, service.gallery.renewals
        self._progress: dict[str, Progress] = {}
        self._woken = asyncio.Event()
        self._stopped = False

    def progress(self, collection: str) -> Progress:
        return self._progress.get(collection, Progress())

    def wake(self, collection: str) -> None:
        """Something was begun or ended of the collection. Of any thread."""
        self._progress.pop(collection, None)
        self.look()

    def look(self) -> None:
        """There may be something to do, as crops that are not to be kept any more. Of any thread."""
        self._loop.call_soon_threadsafe(self._woken.set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Leaving waits for the step that is under way."""
        self._loop = asyncio.get_running_loop()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._stopped = True
            self._woken.set()
            await task

    async def _run(self) -> None:
        while not self._stopped:
            self._woken.clear()
            pause = await self._round()
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _round(self) -> float | None:
        """The seconds until there may be something to do again; None for when it is told."""
        try:
            await self._forget_crops()
            opened = await asyncio.to_thread(self._renewals.open)
        except Exception:
            log.exception("looking for collections that change their model failed; it is repeated")
            return _AGAIN
        if not all([await self._advanced(*each) for each in opened.items()]):
            return _AGAIN
        return _LOOK if opened else None

    async def _advanced(self, collection: str, slots: Slots) -> bool:
        """Whether nothing went wrong."""
        progress = self._progress.setdefault(collection, Progress())
        try:
            if slots.state == "clearing":
                await self._clear(collection)
            else:
                await self._stand_by(collection, slots, progress)
        except _OVER:
            self._woken.set()
        except BundleMismatch as error:
            if progress.error is None:
                log.warning("%s cannot go on changing its model: %s", collection, error)
            progress.error = str(error)
        except ServiceError as error:  # a full disk, say
            progress.error = str(error)
            log.warning("changing the model of %s is tried again: %s", collection, error)
            return False
        except Exception as error:
            progress.error = f"{type(error).__name__}: {error}"
            log.exception("changing the model of %s failed; it is tried again", collection)
            return False
        return True

    async def _forget_crops(self) -> None:
        """Deletes the crops of collections that keep none any more."""
        for collection in await asyncio.to_thread(self._renewals.unkept):
            after = await asyncio.to_thread(self._renewals.drop_unkept, collection, 0)
            while after and not self._stopped:
                after = await asyncio.to_thread(self._renewals.drop_unkept, collection, after)

    async def _clear(self, collection: str) -> None:
        after = await asyncio.to_thread(self._renewals.clear, collection, 0)
        while after and not self._stopped:
            after = await asyncio.to_thread(self._renewals.clear, collection, after)
        if not after:
            log.info("%s has changed its model; what was of the other is gone", collection)

    async def _stand_by(self, collection: str, slots: Slots, progress: Progress) -> None:
        """Until everything of the spare slot is there, and its index stands by."""
        other = slots.other or slots.bundle
        by = self._service.by(other)
        while progress.agreement is None and await self._embedded(collection, other, by, progress):
            continue
        if self._stopped or not await asyncio.to_thread(
            self._renewals.prepare, collection, lambda: self._stopped
        ):
            return
        progress.error = None
        if progress.agreement is None:
            progress.agreement = await self._compared(collection, slots)
            log.info("%s can be switched: %s", collection, progress.agreement)

    async def _embedded(self, collection: str, bundle: str, by: Service, progress: Progress) -> int:
        """One pass over all persons; how many faces were embedded. Faces may have been moved."""
        after, done = 0, 0
        while not self._stopped:
            waiting, after = await asyncio.to_thread(
                self._renewals.waiting, collection, after, _PERSONS
            )
            started = monotonic()
            done += await self._put(collection, bundle, by, waiting, progress)
            progress.seconds += monotonic() - started if waiting else 0
            if monotonic() - progress.told > _TOLD:
                progress.told = monotonic()
                await self._tell(collection, bundle, progress)
            if after == 0:
                break
        return 0 if self._stopped else done

    async def _tell(self, collection: str, bundle: str, progress: Progress) -> None:
        state = await asyncio.to_thread(self._renewals.state, collection)
        rate = progress.rate or 0.0
        log.info(
            "%s: %d of %d faces are embedded with %s, %.0f a second, %.0f s left",
            collection,
            state.done,
            state.faces,
            bundle,
            rate,
            state.waiting / rate if rate else 0.0,
        )

    async def _put(
        self,
        collection: str,
        bundle: str,
        by: Service,
        waiting: list[Waiting],
        progress: Progress,
    ) -> int:
        crops, spoiled = await asyncio.to_thread(_decoded, waiting)
        if spoiled:
            progress.failed += len(spoiled)
            log.error("%d kept crops of %s are none and are deleted", len(spoiled), collection)
            await asyncio.to_thread(self._renewals.drop_crops, spoiled)
        seen = await self._seen(by, list(crops.values()))
        put = [(key, Features(bundle, *each)) for key, each in zip(crops, seen, strict=True)]
        kept = await asyncio.to_thread(self._renewals.put, collection, put) if put else 0
        progress.embedded += kept
        return kept

    async def _seen(self, by: Service, crops: list[Crop]) -> list[Graded]:
        while True:
            try:
                return await by.pipeline.crops(crops, _BULK)
            except Overloaded as full:
                await asyncio.sleep(full.retry_after or 1.0)

    async def _compared(self, collection: str, slots: Slots) -> Agreement:
        def compare() -> Agreement:
            pairs = self._renewals.paired(collection, _SAMPLE)
            searched = threshold(self._service, slots.bundle, len(pairs.persons))
            other = threshold(self._service, slots.other or "", len(pairs.persons))
            if slots.state == "switched":
                return agreement(pairs, other, searched, swapped=True)
            return agreement(pairs, searched, other)

        return await asyncio.to_thread(compare)


def threshold(service: Service, bundle: str, persons: int) -> float | None:
    """Where the model decides at the service's FPIR; None where it is not calibrated or loaded."""
    model = service.models.get(bundle)
    known = None if model is None else model.bundle.manifest.score
    try:
        fpir = service.settings.fpir
        return None if known is None else known.threshold_for_search(fpir, max(1, persons))[0]
    except RateOutOfRange:
        return None


def _decoded(waiting: list[Waiting]) -> tuple[dict[int, Crop], list[int]]:
    """The crops by their face's key, and the faces whose crop is none."""
    crops: dict[int, Crop] = {}
    spoiled: list[int] = []
    for key, encoded in waiting:
        try:
            crops[key] = decode(encoded)
        except ValueError:
            spoiled.append(key)
    return crops, spoiled
