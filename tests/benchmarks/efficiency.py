"""How much of the bare models' speed reaches a client of `/embed`: `python tests/benchmarks/efficiency.py`.

Rounds of two alternate: a loop in this process over decode, detect, align and embed, by one caller
and by one per core, of which the faster counts; and 16 clients over loopback. Prints images a second
and the ratio of the medians; quote the ratio, the machine is noisy. Clients and server share the
cores, so what the clients cost counts against the service; it is printed too, as is the time of
the processors for one image, which stays the same on a machine that others use.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlparse

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.alignment import align
from service.images import Limits, decode
from service.runtime import Networks, open_networks
from service.settings import STARTER, Settings
from tests import photographs
from tests.service.serving import Server, server

CLIENTS = 16


def bare(networks: Networks, body: bytes) -> Callable[[], None]:
    """One image through the models, as short as it can be written."""

    def once() -> None:
        image = decode(body, Limits())
        crops = [align(image, face.landmarks) for face in networks.detector(image)]
        if len(networks.recognizer.each(crops)) != 1:
            raise RuntimeError("the benchmark's photograph must show one face")

    return once


class Round(NamedTuple):
    """How many images were answered in how many seconds."""

    images: int
    seconds: float


def looped(once: Callable[[], object], callers: int, seconds: float) -> Round:
    """What `callers` threads do, each one call after another."""
    end = time.monotonic() + seconds

    def caller(_: int) -> int:
        count = 0
        while time.monotonic() < end:
            once()
            count += 1
        return count

    started = time.monotonic()
    with ThreadPoolExecutor(callers) as pool:
        return Round(sum(pool.map(caller, range(callers))), time.monotonic() - started)


def processor_seconds(pid: int) -> float:
    """What a process has used, of its user's time and the system's (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client:
    """Sends one request again and again on one connection, and reads no more than it must."""

    def __init__(self, url: str, body: bytes) -> None:
        to = urlparse(url)
        self._socket = socket.create_connection((to.hostname, to.port), timeout=120)
        head = f"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
        self._request = head.encode() + body

    def __call__(self) -> None:
        self._socket.sendall(self._request)
        answer = self._socket.recv(65536)
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        [length] = [
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        ]
        left = length - len(rest)
        while left > 0:
            left -= len(self._more())

    def _more(self) -> bytes:
        if not (some := self._socket.recv(65536)):
            raise RuntimeError("the server closed the connection")
        return some


def served(url: str, body: bytes, clients: int, seconds: float) -> Round:
    """What `clients` get answered."""
    calls = [Client(url, body) for _ in range(clients)]
    end = time.monotonic() + seconds

    def caller(call: Client) -> int:
        count = 0
        while time.monotonic() < end:
            call()
            count += 1
        return count

    started = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        return Round(sum(pool.map(caller, calls)), time.monotonic() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=STARTER)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        server(Path(scratch) / "data", bundle=asked.bundle, max_wait_seconds=60) as running,
    ):
        report(running, asked.bundle, asked.rounds, asked.seconds)


def report(running: Server, bundle: Path, rounds: int, seconds: float) -> None:
    """Alternates the rounds and prints what they gave."""
    body, cores, url = photographs.portrait(), os.cpu_count() or 1, str(running.client.base_url)
    once = bare(open_networks(Settings(bundle=bundle)), body)
    kinds = {
        "one caller": (os.getpid(), lambda: looped(once, 1, seconds)),
        "a caller per core": (os.getpid(), lambda: looped(once, cores, seconds)),
        "served": (running.process.pid, lambda: served(url, body, CLIENTS, seconds)),
    }
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    costs: dict[str, list[float]] = {kind: [] for kind in kinds}
    served(url, body, 4, 1)  # admission learns the rate
    once()
    clients = 0.0
    for _ in range(rounds):
        for kind, (pid, run) in kinds.items():
            before, own = processor_seconds(pid), time.process_time()
            images, elapsed = run()
            rates[kind].append(images / elapsed)
            costs[kind].append(1000 * (processor_seconds(pid) - before) / images)
            if kind == "served":
                clients += (time.process_time() - own) / elapsed / cores / rounds
    for kind, found in rates.items():
        print(
            f"{kind:18} {median(found):7.1f} images/s, {median(costs[kind]):6.2f} ms of a processor "
            f"each  {[round(each, 1) for each in found]}"
        )
    best = max(median(rates["one caller"]), median(rates["a caller per core"]))
    least = min(median(costs["one caller"]), median(costs["a caller per core"]))
    print(f"clients: {clients:.1%} of the cores")
    print(
        f"efficiency {median(rates['served']) / best:.3f} by images, "
        f"{least / median(costs['served']):.3f} by processor time"
    )


if __name__ == "__main__":
    main()
