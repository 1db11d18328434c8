"""What the pipeline promises its callers, through the networks of the starter bundle."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest

from service.batching import Urgency
from service.errors import DeadlineExceeded, NoFaceFound, ServiceError
from service.pipeline import Pipeline, Reading, Selection
from service.runtime import open_pipeline, open_runtime, open_service
from service.settings import Settings
from tests import interleaving, photographs

from .examples import other_model
from .networks import SETTINGS, networks

ONE = Selection(max_faces=1)


@asynccontextmanager
async def pipeline() -> AsyncIterator[Pipeline]:
    opened, quality = networks(), networks().bundle.manifest.quality
    async with open_pipeline(SETTINGS, opened.detector, opened.recognizer, quality) as running:
        yield running


def test_interleaved_requests_with_different_options_are_answered_exactly_as_alone() -> None:
    async def main() -> None:
        asked = interleaving.requests(240, seed=1)
        different = list(dict.fromkeys(asked))
        async with pipeline() as running:
            alone = await interleaving.answers(running, different, at_once=1)
            together = await interleaving.answers(running, asked, at_once=48)
        expected = dict(zip(different, alone, strict=True))
        assert together == [expected[request] for request in asked]
        assert len(set(alone)) > 20

    asyncio.run(main())


def test_several_images_are_read_in_order_and_a_broken_one_spoils_no_other() -> None:
    async def main() -> None:
        images = [photographs.portrait(), b"", photographs.crop(), photographs.portrait()[:999]] * 3
        async with pipeline() as running:
            read = await running.each(images, ONE, Urgency("bulk"))
        kinds = [type(each).__name__ for each in read]
        assert kinds == ["Reading", "EmptyImage", "Reading", "UndecodableImage"] * 3
        sizes = [each.width for each in read if isinstance(each, Reading)]
        assert sizes == [640, 112] * 3

    asyncio.run(main())


def test_a_fault_of_ours_is_the_answer_for_one_image_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Faulty(bytes):
        def __getitem__(self, at: object) -> bytes:  # type: ignore[override] # a fault
            raise ZeroDivisionError

    async def main() -> None:
        async with pipeline() as running:
            read = await running.each([Faulty(b"RI"), photographs.portrait()], ONE)
        assert type(read[0]) is ServiceError
        assert isinstance(read[1], Reading)

    asyncio.run(main())
    assert "ZeroDivisionError" in caplog.text


def test_two_bundles_share_the_threads_that_compute(tmp_path: Path) -> None:
    async def main() -> None:
        settings = Settings(
            data_dir=tmp_path / "data", threads=1, next_bundle=other_model(tmp_path)
        )
        with open_runtime(settings) as runtime:
            async with open_service(runtime) as service:
                images = [photographs.portrait()] * 3
                every = (each.pipeline.each(images, ONE) for each in service.models.values())
                read = await asyncio.gather(*every)
                computing = [each for each in threading.enumerate() if each.name.startswith("core")]
        assert len(computing) == 1
        assert [len(each) for each in read] == [3, 3]
        assert all(isinstance(each, Reading) for several in read for each in several)
        assert not computing[0].is_alive()

    asyncio.run(main())


def test_a_late_request_is_not_worked_on() -> None:
    async def main() -> None:
        async with pipeline() as running:
            with pytest.raises(DeadlineExceeded):
                await running(photographs.portrait(), ONE, Urgency(deadline=monotonic()))
            assert running.ready
            assert running.backlog == 0
        assert not running.ready

    asyncio.run(main())


def test_a_probe_is_answered_before_an_import_that_began_earlier() -> None:
    async def main() -> None:
        finished = 0

        async def imported(running: Pipeline) -> None:
            nonlocal finished
            await running(photographs.portrait(), ONE, Urgency("bulk"))
            finished += 1

        async with pipeline() as running:
            bulk = [asyncio.create_task(imported(running)) for _ in range(24)]
            while finished < 1:  # noqa: ASYNC110 - until the import is under way
                await asyncio.sleep(0.001)
            began = finished
            await running(photographs.portrait(), ONE)
            # What ran already at either step, and what was located meanwhile.
            assert finished - began <= 12
            await asyncio.gather(*bulk)

    asyncio.run(main())


def test_a_reading_says_where_the_time_went() -> None:
    async def main() -> None:
        async with pipeline() as running:
            seen = await running(photographs.portrait(), ONE)
            nobody = await running(photographs.without_faces("coffee.png"), ONE)
        assert list(seen.milliseconds) == ["queue", "decode", "detect", "align", "embed"]
        assert all(spent >= 0 for spent in seen.milliseconds.values())
        assert list(nobody.milliseconds) == ["queue", "decode", "detect", "align"]
        with pytest.raises(NoFaceFound):
            nobody.only()

    asyncio.run(main())
