"""The load generator, in a process of its own: `run` starts it, and it reads a `Load` from stdin.

In the closed loop a client asks again as soon as it is answered, so a slow server is asked less.
In the open loop requests leave when they are due, and their latency counts from then: no
coordinated omission.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from tests.bench.arrivals import arrivals
from tests.bench.exchange import Connections, request
from tests.bench.samples import BROKEN, Sample, stages

ROOT: Final = Path(__file__).absolute().parents[2]
MEDIA: Final = {".jpg": "image/jpeg", ".png": "image/png"}


class Load(BaseModel):
    """`clients` in a closed loop for `seconds`, or else an open one of `phases`.

    A phase is a rate a second and the seconds it is kept up. The files `bodies` are posted to `path` in turn. Where `probe` is set, that path is got every
    `probe_every` seconds beside the load.
    """

    url: str
    path: str = "/embed"
    bodies: list[Path]
    clients: int = 0
    seconds: float = 0
    phases: list[tuple[float, float]] = []
    seed: int = 0
    probe: str = ""
    probe_every: float = 0.1


class Outcome(BaseModel):
    """Every request and probe, and the seconds of CPU that the generator spent on the load."""

    samples: list[Sample]
    probes: list[Sample]
    worked: float


def run(load: Load) -> Outcome:
    """Puts `load` on a server from another process, and waits for the last answer."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=load.model_dump_json().encode(),
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"the load generator failed: {ran.stderr.decode()}")
    return Outcome.model_validate_json(ran.stdout)


class Generator:
    """Sends one `Load`."""

    def __init__(self, load: Load) -> None:
        self._load = load
        where = urlsplit(load.url)
        host, self._host = where.hostname or "", where.netloc
        self._connections = Connections(host, where.port or 80)
        self._bodies = [
            request(load.path, body.read_bytes(), MEDIA[body.suffix], self._host)
            for body in load.bodies
        ]
        self._samples: list[Sample] = []
        self._probes: list[Sample] = []

    async def __call__(self) -> Outcome:
        worked, self._began = time.process_time(), time.perf_counter()
        async with self._probing():
            await (self._closed() if self._load.clients else self._opened())
        self._connections.close()
        spent = time.process_time() - worked
        return Outcome(samples=self._samples, probes=self._probes, worked=spent)

    def _now(self) -> float:
        return time.perf_counter() - self._began

    async def _closed(self) -> None:
        numbers = count()

        async def client() -> None:
            while (now := self._now()) < self._load.seconds:
                await self._post(next(numbers), now)

        await asyncio.gather(*(client() for _ in range(self._load.clients)))

    async def _opened(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, due in enumerate(arrivals(self._load.phases, self._load.seed)):
                if (early := due - self._now()) > 0:
                    await asyncio.sleep(early)
                tasks.create_task(self._post(number, due))

    async def _post(self, number: int, due: float) -> None:
        body = self._bodies[number % len(self._bodies)]
        self._samples.append(await self._asked(body, due))

    async def _asked(self, message: bytes, due: float) -> Sample:
        sent = self._now()
        try:
            status, headers = await self._connections.ask(message)
        except (OSError, TimeoutError):
            return Sample(due=due, sent=sent, ended=self._now(), status=BROKEN)
        return Sample(
            due=due,
            sent=sent,
            ended=self._now(),
            status=status,
            stages=stages(headers.get(b"server-timing", b"").decode()),
            retry_after=b"retry-after" in headers,
        )

    @asynccontextmanager
    async def _probing(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._probe()) if self._load.probe else None
        yield
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _probe(self) -> None:
        message = request(self._load.probe, b"", "", self._host)
        for number in count():
            due = number * self._load.probe_every
            await asyncio.sleep(max(0.0, due - self._now()))
            self._probes.append(await self._asked(message, due))


def main() -> None:
    load = Load.model_validate_json(sys.stdin.read())
    # At the priority of what it measures: a generator that is let in first would flatter it.
    sys.stdout.write(asyncio.run(Generator(load)()).model_dump_json())


if __name__ == "__main__":
    main()
