"""The service under test: what it answers, and what memory it takes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.bench.load import Load, run
from tests.bench.samples import OK, rate
from tests.bench.workload import Photograph
from tests.service.serving import Server, server

CLIENTS = 16
# By default a request that would wait longer than a caller should is refused; here everybody waits,
# as with those it is compared with.
PATIENT: Final[dict[str, Any]] = {
    "max_wait_seconds": 600,
    "deadline_seconds": 600,
    "max_requests": 1000,
}


@contextmanager
def serving(scratch: Path, name: str, **settings: Any) -> Iterator[Server]:
    """`adaface serve` with the defaults and `settings`."""
    with server(scratch / name, **settings) as running:
        yield running


def check(url: str, photograph: Photograph, running: Server) -> None:
    """Raises RuntimeError where a server does not see the faces it will be measured on.

    Until it has answered once, the service does not know its own rate, and lets in only eight.
    """
    answer = running.client.post(
        f"{url}/embed",
        content=photograph.path.read_bytes(),
        headers={"Content-Type": "image/jpeg"},
    )
    if (found := len(answer.raise_for_status().json()["faces"])) != photograph.faces:
        raise RuntimeError(f"{url} found {found} of {photograph.faces} faces: {photograph.path}")


def capacity(  # noqa: PLR0913 - a load has as many sides
    url: str,
    bodies: list[Path],
    seconds: float,
    warm: float,
    path: str = "/embed",
    clients: int = CLIENTS,
) -> float:
    """Answers a second to `clients`, each asking again as soon as it is answered.

    What comes in the first `warm` seconds does not count. Raises RuntimeError where anything
    else than 200 was answered.
    """
    load = Load(url=url, path=path, bodies=bodies, clients=clients, seconds=warm + seconds)
    outcome = run(load)
    if bad := {s.status for s in outcome.samples} - {OK}:
        raise RuntimeError(f"{url}{path} answered {sorted(bad)} to {clients} clients")
    within = rate(outcome.samples, warm, warm + seconds)
    return within or rate(outcome.samples, 0, float("inf"))  # a busy machine in a short turn


def embeddings(running: Server, crops: list[Path]) -> NDArray[np.float32]:
    """(n, d) unit vectors that the service answers for aligned crops."""
    rows = []
    for crop in crops:
        answer = running.client.post(
            "/embed?aligned=true&embedding=base64",
            content=crop.read_bytes(),
            headers={"Content-Type": "image/png"},
        )
        [face] = answer.raise_for_status().json()["faces"]
        rows.append(np.frombuffer(base64.b64decode(face["embedding"]), "<f4"))
    return np.stack(rows)


def megabytes(running: Server, field: str = "VmRSS") -> float:
    """Resident memory of the process; `VmHWM` is its peak so far."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    found = next(line for line in status.splitlines() if line.startswith(field + ":"))
    return int(found.split()[1]) * 1024 / 1e6
