"""Latency of `/embed` for a 640x480 one-face JPEG over loopback: `make benchmark`.

Prints medians and ratios of one run; quote the ratios, the machine is noisy.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests import photographs
from tests.service.serving import server

REQUESTS = 200


def _timed(client: httpx.Client, body: bytes) -> float:
    started = time.perf_counter()
    answer = client.post("/embed", content=body, headers={"Content-Type": "image/jpeg"})
    spent = time.perf_counter() - started
    if len(answer.raise_for_status().json()["faces"]) != 1:
        raise RuntimeError("the benchmark's photograph must show one face")
    return 1000 * spent


def _run(base: httpx.URL, body: bytes, clients: int) -> tuple[list[float], float]:
    """Milliseconds of each request, and requests a second."""

    def caller(_: int) -> list[float]:
        with httpx.Client(base_url=base, timeout=60) as client:
            return [_timed(client, body) for _ in range(REQUESTS // clients)]

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        times = [each for some in pool.map(caller, range(clients)) for each in some]
    return times, len(times) / (time.perf_counter() - started)


def main() -> None:
    body = photographs.portrait()
    with (
        tempfile.TemporaryDirectory() as scratch,
        server(Path(scratch) / "data") as running,
    ):
        _run(running.client.base_url, body, 1)  # warm
        print("clients  median ms  p95 ms  requests/s  ratio")
        first = None
        for clients in (1, 2, 4, 8):
            times, rate = _run(running.client.base_url, body, clients)
            first = first or rate
            p95 = quantiles(times, n=20)[-1]
            print(
                f"{clients:7}  {median(times):9.1f}  {p95:6.1f}  {rate:10.1f}  {rate / first:5.2f}"
            )


if __name__ == "__main__":
    main()
