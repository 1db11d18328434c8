"""SIGKILL under four writers, at any moment and at every named point: nothing acknowledged is lost."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from service.gallery import killpoints
from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.client import Client, Gone
from tests.faults.oracle import Findings, Oracle, compare
from tests.faults.served import Served
from tests.faults.writing import Writer

WRITERS: Final = 4
SHORTEST, LONGEST = 0.05, 1.5
_PATIENCE: Final = 30.0
_SNAPSHOTS: Final = "1:0.05"  # of one person or more, every 0.05 s


class Kills:
    """One data directory, killed again and again; what it holds is compared after each."""

    def __init__(self, scratch: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.bundle = crops.bundle_in(scratch)
        self.directory = scratch / "data"
        self.oracle, self.findings = Oracle(), Findings()
        self.rounds = self.acknowledged = self.unknown = self.from_snapshots = 0
        self.starts: list[float] = []

    def round(self, kill_at: str = "") -> None:
        """Starts, compares, writes, kills; with `kill_at` the server ends itself there."""
        running = self._started(kill_at)
        self.rounds += 1
        if self._compared(running):
            self._write(running, kill_at)
        running.kill()

    def compare(self) -> None:
        running = self._started()
        self._compared(running)
        running.stop()

    def _write(self, running: Served, kill_at: str) -> None:
        """Four writers until the moment drawn, or until the server has ended itself."""
        seconds = self.random.uniform(SHORTEST, LONGEST)
        deadline = time.monotonic() + (_PATIENCE if kill_at else seconds)
        deletes = bool(self.rounds % 2)  # which are the end of a snapshot
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [
                Writer(f"w{n}", self.oracle, random.Random(self.random.random()), deletes=deletes)
                for n in range(WRITERS)
            ]
            done = [
                pool.submit(writer.run, running.address, lambda: time.monotonic() > deadline + 1)
                for writer in writers
            ]
            running.process.join(max(0.0, deadline - time.monotonic()))
            if kill_at and running.process.is_alive():
                self.findings.add("unreached", kill_at)
            running.kill()
            for task in done:
                task.result()
        self.acknowledged += sum(writer.acknowledged for writer in writers)
        self.unknown += len(self.oracle.pending)
        for writer in writers:
            for answer in writer.refused:
                self.findings.add("refused", str(answer))

    def _started(self, kill_at: str = "") -> Served:
        started = time.monotonic()
        running = Served(self.directory, self.bundle, kill_at, snapshots=_SNAPSHOTS)
        if not running.address and not kill_at:
            raise AssertionError(running.log.read_text())
        self.starts.append(time.monotonic() - started)
        return running

    def _compared(self, running: Served) -> bool:
        """Whether it lived long enough: a snapshot is written, and a kill comes, at any moment."""
        if not running.address:
            return False
        client = Client(running.address)
        try:
            self.oracle.settle(compare(client, self.oracle.possible(), self.findings))
        except Gone:
            return False
        finally:
            client.close()
            self.from_snapshots += "is read from its snapshot" in running.log.read_text()
        return True


def run(scratch: Path, seed: int, rounds: int) -> Verdict:
    """`rounds` kills at random, then each named point a fortieth as often, at least once."""
    kills = Kills(scratch, seed)
    points = [
        f"{point}:{kills.random.randint(1, 6 if 'snapshot' in point else 20)}"
        for point in killpoints.POINTS
        for _ in range(max(1, rounds // 40))
    ]
    for kill_at in tracked([""] * rounds + points, "kill", rounds + len(points)):
        kills.round(kill_at)
    kills.compare()
    return judged(
        "kill",
        kills.findings,
        ("lost", "back", "disagree", "refused", "unreached"),
        kills=rounds,
        at_points=len(points),
        acknowledged=kills.acknowledged,
        in_flight=kills.unknown,
        from_snapshots=kills.from_snapshots,
        start_max_s=round(max(kills.starts), 2),
    )
