"""Requests of every kind, in the shares in which a service meets them."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import random
import time
from collections import Counter, deque
from contextlib import suppress

import PIL.Image

from tests import photographs
from tests.bench.exchange import Connections, request

BAD, LEAVING, CHURN = 0.05, 0.02, 0.10  # of all requests; the rest are images to embed
SIDES = (64, 96, 128, 192, 256, 384, 512, 640, 768, 1024, 1280, 1600, 2048, 3000, 4000)
OFTEN = 1024  # sides up to this come ten times as often as larger ones
KEPT = 100  # persons; older ones are deleted
COLLECTION = "/collections/default/persons"
JPEG = "image/jpeg"


def picture(side: int) -> bytes:
    """The portrait with a longer side of `side` pixels."""
    with PIL.Image.open(io.BytesIO(photographs.portrait())) as stored:
        scaled = stored.resize((side, max(1, side * stored.height // stored.width)))
    buffer = io.BytesIO()
    scaled.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class Traffic:
    """A Poisson stream of mixed requests to one server, and what became of them."""

    def __init__(self, host: str, port: int, seed: int) -> None:
        self._where, self._host = (host, port), f"{host}:{port}"
        self._connections = Connections(host, port)
        self._random = random.Random(seed)
        self._pictures = [picture(side) for side in SIDES]
        self._weights = [10 if side <= OFTEN else 1 for side in SIDES]
        self._numbers = itertools.count()
        self._persons: deque[str] = deque()
        self.statuses: Counter[str] = Counter()  # by kind and status
        self.latencies: list[tuple[float, float]] = []  # when it was due, seconds; embedded only

    async def flow(self, rate: float, seconds: float) -> None:
        """`rate` requests a second for `seconds`, whatever becomes of those before."""
        started = due = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            while (due := due + self._random.expovariate(rate)) < started + seconds:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                tasks.create_task(self._one(due))

    async def saturate(self, clients: int, seconds: float) -> float:
        """Answers a second to that many clients, each asking again at once."""
        until, before = time.monotonic() + seconds, self.answered()

        async def client() -> None:
            while time.monotonic() < until:
                await self._one(time.monotonic())

        await asyncio.gather(*(client() for _ in range(clients)))
        return (self.answered() - before) / seconds

    def answered(self) -> int:
        """How many requests were served or rightly refused as bad."""
        return sum(
            count for kind, count in self.statuses.items() if not kind.endswith((" 0", " 503"))
        )

    async def _one(self, due: float) -> None:
        kind = self._random.random()
        if kind < BAD:
            await self._bad()
        elif kind < BAD + LEAVING:
            await self._leave()
        elif kind < BAD + LEAVING + CHURN:
            await self._churn()
        elif await self._post("embed", "/embed", self._picture(), JPEG) == 200:
            self.latencies.append((due, time.monotonic() - due))

    def _picture(self) -> bytes:
        return self._random.choices(self._pictures, self._weights)[0]

    async def _bad(self) -> None:
        good = self._random.choice(self._pictures[:8])
        cut = good[: self._random.randrange(1, len(good) // 2)]
        noise = self._random.randbytes(5000)
        wrong = self._random.choice((cut, noise, b"\x89PNG\r\n\x1a\n" + noise, b"GIF89a" + noise))
        await self._post("bad", "/embed", wrong, JPEG)

    async def _leave(self) -> None:
        """Closes the connection in the middle of the body, or while the answer is computed."""
        message = request("/embed", self._picture(), JPEG, self._host)
        whole = self._random.random() < 0.5
        with suppress(OSError):
            _, writer = await asyncio.open_connection(*self._where)
            writer.write(message if whole else message[: len(message) // 2])
            await asyncio.sleep(self._random.random() / 20)
            writer.transport.abort()
        self.statuses["leaving 499"] += 1

    async def _churn(self) -> None:
        """Enrolls a new person and deletes the one that is there longest."""
        person = f"person-{next(self._numbers)}"
        body = json.dumps({"id": person}).encode()
        if await self._post("create", COLLECTION, body, "application/json") != 201:
            return
        path = f"{COLLECTION}/{person}/faces?allow_duplicate=true"  # all show one person
        await self._post("enroll", path, self._pictures[SIDES.index(512)], JPEG)
        self._persons.append(person)
        if len(self._persons) > KEPT:
            oldest = f"{COLLECTION}/{self._persons.popleft()}"
            head = f"DELETE {oldest} HTTP/1.1\r\nHost: {self._host}\r\n\r\n"
            await self._ask("delete", head.encode())

    async def _post(self, kind: str, path: str, body: bytes, media: str) -> int:
        return await self._ask(kind, request(path, body, media, self._host))

    async def _ask(self, kind: str, message: bytes) -> int:
        try:
            status = (await self._connections.ask(message)).status
        except (OSError, TimeoutError):
            status = 0
        self.statuses[f"{kind} {status}"] += 1
        return status
