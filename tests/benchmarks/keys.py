"""Bad access keys beside a client with a good one: `python -m tests.benchmarks.keys`.

1,100 guesses a second come on a clock, however fast they are refused. A client with a key asks for
embeddings one after the other, in turns with and without the guesses, so that the machine's own
noise is in both. Bars: 1,000 guesses a second are refused, all of them with 401; the client's p99 grows by at most a half.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
from pathlib import Path
from time import monotonic, perf_counter

import numpy as np

from tests import photographs
from tests.service.serving import server

RATE, SECONDS, TURNS, CONNECTIONS = 1100, 5.0, 4, 20
BAR, SLOWER = 1000, 1.5  # guesses refused a second; the client's p99 beside them, of that without


async def answer(reader: asyncio.StreamReader) -> int:
    """Reads a whole answer; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    [length] = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")]
    await reader.readexactly(length)
    return int(head[9:12])


async def guessing(host: str, port: int, first: float, stop: float) -> list[int]:
    """One connection's share of the guesses; the statuses."""
    reader, writer = await asyncio.open_connection(host, port)
    statuses, due = [], first
    while due < stop:
        await asyncio.sleep(max(0.0, due - monotonic()))
        token = f"afk_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
        writer.write(f"GET /models HTTP/1.1\r\nHost: x\r\nX-API-Key: {token}\r\n\r\n".encode())
        statuses.append(await answer(reader))
        due += CONNECTIONS / RATE
    writer.close()
    return statuses


async def asking(host: str, port: int, key: str, stop: float) -> list[float]:
    """A client with a key; milliseconds for each answer."""
    reader, writer = await asyncio.open_connection(host, port)
    photograph, spent = photographs.astronaut(), []
    head = f"POST /embed HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: image/jpeg\r\n"
    while monotonic() < stop:
        started = perf_counter()
        writer.write(f"{head}Content-Length: {len(photograph)}\r\n\r\n".encode() + photograph)
        assert await answer(reader) == 200
        spent.append(1000 * (perf_counter() - started))
    writer.close()
    return spent


async def turn(host: str, port: int, key: str, guesses: bool) -> tuple[list[float], list[int]]:
    stop = monotonic() + SECONDS
    begins = [monotonic() + n / RATE for n in range(CONNECTIONS)] if guesses else []
    spent, *statuses = await asyncio.gather(
        asking(host, port, key, stop), *(guessing(host, port, first, stop) for first in begins)
    )
    return spent, [each for share in statuses for each in share]


def main() -> int:
    key = secrets.token_hex(32)
    spent: dict[bool, list[float]] = {False: [], True: []}
    refused: list[int] = []
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(scratch, "key")
        given.write_text(key)
        with server(Path(scratch, "data"), admin_key_file=given) as running:
            url = running.client.base_url
            for n in range(2 * TURNS):
                took, statuses = asyncio.run(turn(url.host, url.port or 80, key, bool(n % 2)))
                spent[bool(n % 2)] += took
                refused += statuses
    alone, beside = (float(np.quantile(spent[each], 0.99)) for each in (False, True))
    rate = len(refused) / (TURNS * SECONDS)
    print(
        f"keys: refused-per-second={rate:.0f} p99-alone={alone:.1f}ms p99-beside={beside:.1f}ms"
        f" ratio={beside / alone:.2f} requests={len(spent[False])}+{len(spent[True])}"
    )
    return int(set(refused) != {401} or rate < BAR or beside > SLOWER * alone)


if __name__ == "__main__":
    sys.exit(main())
