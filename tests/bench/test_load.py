"""The load generator against a server whose every answer is known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.arrivals import arrivals, poisson
from tests.bench.exchange import Connections, request
from tests.bench.load import Generator, Load, Outcome
from tests.bench.samples import BROKEN, OK, REFUSED

Reply = Callable[[int], bytes]  # to the n-th request


def answer(status: int = OK, *headers: str, body: bytes = b"{}") -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Fake(NamedTuple):
    """A server's port, the bodies it has read, and an event for each connection that it had."""

    port: int
    bodies: list[bytes]
    connections: list[asyncio.Event]


@asynccontextmanager
async def answering(reply: Reply, pause: float = 0.0) -> AsyncIterator[Fake]:
    """A server that answers with `reply`; an empty one hangs up."""
    bodies: list[bytes] = []
    connections: list[asyncio.Event] = []
    turn = asyncio.Lock()  # one at a time, like a slow model

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            sizes = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"Length" in line]
            bodies.append(await reader.readexactly(sum(sizes)))
            async with turn:
                await asyncio.sleep(pause)
            if not (said := reply(len(bodies))):
                break
            writer.write(said)

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(done := asyncio.Event())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        done.set()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    async with server:
        yield Fake(server.sockets[0].getsockname()[1], bodies, connections)
        for done in connections:
            await done.wait()


def loaded(tmp_path: Path, reply: Reply, pause: float = 0.0, **load: object) -> Outcome:
    """What becomes of a load on such a server."""
    body = tmp_path / "body.jpg"
    body.write_bytes(b"pixels")

    async def both() -> Outcome:
        async with answering(reply, pause) as fake:
            given_ = {"url": f"http://127.0.0.1:{fake.port}", "bodies": [body], **load}
            return await Generator(Load.model_validate(given_))()

    return asyncio.run(both())


def test_a_slow_server_is_charged_for_the_requests_that_were_due_meanwhile(tmp_path: Path) -> None:
    """Ten are due at once and each takes 20 ms: the last one waited 200, and not 20."""
    outcome = loaded(tmp_path, lambda _: answer(), pause=0.02, phases=[(2000.0, 0.005)], seed=3)
    waits = sorted(sample.latency for sample in outcome.samples)
    assert len(waits) == len(poisson(2000, 0.005, 3))
    assert waits[-1] >= 20 * (len(waits) - 1)
    assert all(sample.sent >= sample.due for sample in outcome.samples)


def test_a_closed_loop_has_never_more_requests_than_clients(tmp_path: Path) -> None:
    outcome = loaded(tmp_path, lambda _: answer(), pause=0.01, clients=3, seconds=0.2)
    for sample in outcome.samples:
        beside = [s for s in outcome.samples if s.sent < sample.ended and s.ended > sample.sent]
        begun = [s for s in beside if s.sent <= sample.sent < s.ended]
        assert len(begun) <= 3
    assert {sample.status for sample in outcome.samples} == {OK}


def test_each_phase_has_its_own_rate() -> None:
    times = arrivals([(1000, 1), (10, 1)], seed=0)
    assert times == sorted(times)
    assert 850 < sum(time < 1 for time in times) < 1150
    assert sum(1 <= time < 2 for time in times) == len([t for t in times if t >= 1]) < 40


@settings(deadline=None)
@given(rate=st.floats(0.1, 500), seconds=st.floats(0.01, 5), seed=st.integers(0, 99))
def test_arrivals_are_in_order_and_in_time(rate: float, seconds: float, seed: int) -> None:
    times = poisson(rate, seconds, seed)
    assert times == sorted(times)
    assert all(0 <= time < seconds for time in times)
    assert times == poisson(rate, seconds, seed)


def test_arrivals_come_in_clumps() -> None:
    """The variance of a Poisson count is its mean; an even pace would have none."""
    counts = [len(poisson(20, 1, seed)) for seed in range(400)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert mean == pytest.approx(20, rel=0.05)
    assert variance == pytest.approx(20, rel=0.25)


def test_what_the_server_said_is_kept(tmp_path: Path) -> None:
    said = {
        1: answer(OK, "Server-Timing: decode;dur=1.5, embed;dur=20"),
        2: answer(REFUSED, "Retry-After: 1"),
        3: answer(REFUSED),
        4: b"",
    }
    outcome = loaded(tmp_path, lambda n: said.get(n, answer()), clients=1, seconds=0.5)
    first, second, third, fourth = outcome.samples[:4]
    assert first.stages == {"decode": 1.5, "embed": 20}
    assert (second.status, second.retry_after) == (REFUSED, True)
    assert (third.status, third.retry_after) == (REFUSED, False)
    assert fourth.status == BROKEN


def test_probes_run_beside_the_load(tmp_path: Path) -> None:
    outcome = loaded(
        tmp_path, lambda _: answer(), clients=1, seconds=0.3, probe="/livez", probe_every=0.05
    )
    assert 1 <= len(outcome.probes) <= 7
    assert {probe.status for probe in outcome.probes} == {OK}


@pytest.mark.parametrize(("header", "opened"), [("X-Kept: yes", 1), ("Connection: close", 4)])
def test_connections_are_reused_unless_the_server_says_no(header: str, opened: int) -> None:
    async def connected() -> int:
        async with answering(lambda _: answer(OK, header)) as fake:
            connections = Connections("127.0.0.1", fake.port)
            for _ in range(4):
                assert (await connections.ask(request("/", b"x", "", "x"))).status == OK
            connections.close()
        return len(fake.connections)

    assert asyncio.run(connected()) == opened


def test_a_request_holds_the_whole_body(tmp_path: Path) -> None:
    async def sent() -> list[bytes]:
        async with answering(lambda _: answer()) as fake:
            connections = Connections("127.0.0.1", fake.port)
            await connections.ask(request("/embed", b"\xff" * 200_000, "image/jpeg", "x"))
            connections.close()
            return fake.bodies

    assert asyncio.run(sent()) == [b"\xff" * 200_000]
