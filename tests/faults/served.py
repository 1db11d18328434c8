"""The real server in a process that takes 0.3 s to start, so that hundreds can be killed.

`adaface serve` spends most of its start importing. A fork server has done that once; each child
then runs the same `service.server.serve`, opens the same files and dies by the same SIGKILL.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.service.serving import ADDRESS, PATIENCE

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["service.server"])


class Served:
    """A server of the data directory `directory`; `log` holds what it printed.

    `kill_at` and `snapshots` are what service/gallery/killpoints.py reads.
    """

    def __init__(
        self,
        directory: Path,
        bundle: Path,
        kill_at: str = "",
        name: str = "served",
        snapshots: str = "",
        **settings: Path,
    ) -> None:
        self.log = directory.with_name(f"{name}.log")
        self.log.unlink(missing_ok=True)
        variables = {"ADAFACE_KILL_AT": kill_at, "ADAFACE_SNAPSHOTS": snapshots}
        given = (self.log, variables, {"data_dir": directory, "bundle": bundle, **settings})
        self.process = _CONTEXT.Process(target=_serve, args=given, daemon=True)
        self.process.start()
        self.address = self._address()

    def _address(self) -> str:
        """Empty where it was killed while starting, as a kill point may want."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.log.exists() and (found := ADDRESS.search(self.log.read_text())):
                return found[1]
            if not self.process.is_alive():
                return ""
            time.sleep(0.005)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    def limit_files(self, most_bytes: int) -> None:
        """From now on no file of the server's grows beyond; -1 takes the limit away."""
        limit = resource.RLIM_INFINITY if most_bytes < 0 else most_bytes
        assert self.process.pid
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def stop(self) -> None:
        self.process.terminate()
        self.process.join(PATIENCE)


@contextmanager
def served(directory: Path, bundle: Path) -> Iterator[Served]:
    running = Served(directory, bundle)
    try:
        assert running.address, running.log.read_text()
        yield running
    finally:
        running.stop()


def _serve(log: Path, variables: dict[str, str], settings: dict[str, Any]) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ |= variables
    from service.server import serve
    from service.settings import Settings

    serve(Settings(port=0, threads=1, **settings))
