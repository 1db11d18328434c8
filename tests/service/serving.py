"""A real server process, as an operator starts it."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ADAFACE = [str(Path(sys.executable).parent / "adaface")]
ADDRESS = re.compile(r"http://(\S+) serves")
PATIENCE = 180.0  # calibrating takes 10 s of two idle cores, and they may not be idle


def environment(**settings: Any) -> dict[str, str]:
    """This process's environment with exactly these FACE_* settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FACE_")}
    return kept | {f"FACE_{name.upper()}": str(value) for name, value in settings.items()}


def command(
    *arguments: str | Path, cwd: Path | None = None, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Runs `adaface` to its end."""
    return subprocess.run(
        [*ADAFACE, *map(str, arguments)],
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Server:
    """`adaface serve` on a free port, with a client for it."""

    def __init__(
        self, log: Path, *, program: Sequence[str] = (*ADAFACE, "serve"), **settings: Any
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                program,
                env=environment(port=0, **settings),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.client = httpx.Client(base_url=f"http://{self._address()}", timeout=PATIENCE)

    def _address(self) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := ADDRESS.search(self.log.read_text()):
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    def fill_disk(self) -> None:
        """From now on no file of the server's can grow; the errors are those of a quota."""
        limits = (0, resource.RLIM_INFINITY)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, limits)

    def free_disk(self) -> None:
        limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, limits)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits for the end; the exit status."""
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def server(directory: Path, **settings: Any) -> Iterator[Server]:
    """A server whose gallery is in `directory`."""
    running = Server(directory.with_suffix(".log"), data_dir=directory, **settings)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


def problem(response: httpx.Response) -> tuple[int, str]:
    """Status and cause of a problem document, after checking that it is one."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    assert document["status"] == response.status_code
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == response.headers["x-request-id"]
    return response.status_code, document["type"].removeprefix("urn:problem:")
