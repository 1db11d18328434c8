"""Alive means that the networks answered lately, and ready that nothing is missing."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import health, telemetry
from service.errors import Overloaded
from service.health import EVERY, STALE, Health
from tests import photographs

from .serving import Server

JPEG = {"Content-Type": "image/jpeg"}


class Networks:
    """A pipeline that answers, fails or hangs as told."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.asked = 0

    async def __call__(self, *_: Any) -> None:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        telemetry.observe("embed", 0.01)


class Clock:
    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.skipped


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_networks_that_answer_are_alive_and_silent_ones_are_not(clock: Clock) -> None:
    condition, networks = Health(clock=clock), Networks()
    asyncio.run(health.ask(networks))
    assert condition.alive
    clock.skipped = STALE - EVERY
    assert condition.alive
    clock.skipped = STALE + 1
    assert not condition.alive
    asyncio.run(health.ask(networks))
    clock.skipped = 0
    assert condition.alive


@pytest.mark.parametrize("fault", [RuntimeError("out of memory"), Overloaded(1), TimeoutError()])
def test_a_question_that_fails_is_no_sign_of_life(
    clock: Clock, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    networks = Networks()
    networks.fault = fault
    clock.skipped = STALE + 1
    condition = Health(clock=clock)
    clock.skipped += STALE + 1
    with caplog.at_level(logging.WARNING):
        asyncio.run(health.ask(networks))
    assert not condition.alive
    assert caplog.records


def test_the_service_asks_itself_only_when_nobody_else_does(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "EVERY", 0.05)
    condition, networks = Health(clock=clock), Networks()

    async def idle_then_busy() -> tuple[int, int]:
        async with condition.watching(networks):
            while networks.asked < 6:  # noqa: ASYNC110 - the fake pipeline counts
                await asyncio.sleep(0.01)
            idle = networks.asked
            for _ in range(20):
                telemetry.observe("embed", 0.01)
                await asyncio.sleep(0.01)
            return idle, networks.asked

    idle, busy = asyncio.run(idle_then_busy())
    assert busy <= idle + 2  # the question under way when the requests came


def test_leaving_is_announced_while_everything_is_served(tmp_path: Path) -> None:
    running = Server(tmp_path / "log", data_dir=tmp_path / "data", drain_seconds=600)
    ready = running.client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "waiting_for": []})
    running.process.send_signal(signal.SIGTERM)
    patience = time.monotonic() + 20
    while (ready := running.client.get("/readyz")).status_code == 200:
        assert time.monotonic() < patience
    assert ready.json() == {"status": "unavailable", "waiting_for": ["draining"]}
    answered = running.client.post("/embed", content=photographs.portrait(), headers=JPEG)
    assert answered.status_code == 200
    assert answered.headers["connection"] == "close"
    assert running.client.get("/livez").status_code == 200
    assert running.stop(signal.SIGTERM) == 0  # the second one ends the waiting


def test_stopping_under_load_loses_no_request_that_was_accepted(tmp_path: Path) -> None:
    running = Server(tmp_path / "log", data_dir=tmp_path / "data")
    url, body = running.client.base_url.join("/embed"), photographs.portrait()
    stopped, lost, answered = threading.Event(), [], []

    def caller(_: int) -> None:
        with httpx.Client(timeout=60) as client:
            while not stopped.is_set():
                try:
                    answered.append(client.post(url, content=body, headers=JPEG).status_code)
                except httpx.ConnectError:  # nobody listens any more
                    return
                except httpx.TransportError as error:
                    lost.append(error)

    with ThreadPoolExecutor(6) as pool:
        callers = pool.map(caller, range(6))
        while len(answered) < 20:
            time.sleep(0.01)
        before = len(answered)
        assert running.stop(signal.SIGTERM) == 0
        stopped.set()
        list(callers)
    assert lost == []
    assert len(answered) > before
    assert set(answered) <= {200, 503}
    assert answered.count(200) >= 20
