"""Any one system call that fails: told or made good, never hidden; after a failed sync, read-only.

SQLite's own loop from outside: strace lets the n-th call of a kind on the gallery's files fail,
once or from then on, under the running server.
"""

from __future__ import annotations

import random
import re
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.client import Answer, Client, Gone
from tests.faults.oracle import Findings, Oracle, State, compare
from tests.faults.scratch import in_memory
from tests.faults.served import Served
from tests.faults.writing import Writer

KINDS: Final = (
    "lost",
    "back",
    "disagree",
    "corrupt",
    "undocumented",
    "written_on",
    "hung",
    "dead",
    "unready",
)
CALLS: Final = (
    "pwrite64",
    "fdatasync",
    "fsync",
    "ftruncate",
    "fallocate",
    "openat",
    "unlink",
    "rename",
)
_FILES: Final = (
    "",
    "gallery.db",
    "gallery.db-wal",
    "reserve",
    "unfinished-probe",
    "index-1.snapshot",
    "index-1.snapshot.tmp",
)
_OPERATIONS: Final = 60
_SNAPSHOTS: Final = "4:0.1"
_LONGEST: Final = 5.0  # seconds for an answer
_TRIES: Final = 3  # a hang comes again; what a busy machine holds up does not always
_BUSY: Final = 5  # times as slow as without the fault is the machine's fault, too
_PATIENCE: Final = 30.0
_AT_ONCE: Final = 2
_ELSE: Final = (404, 409)  # of what failed halfway: a person is gone already, or there already
_FULL, _FAILED = (507, "urn:problem:storage-full"), (503, "urn:problem:storage-failed")


class Point(NamedTuple):
    """The `number`-th `call` of each thread fails with `error`; with `on` all later ones, too."""

    call: str
    error: str
    number: int
    on: bool

    def __str__(self) -> str:
        return f"{self.call}:error={self.error}:when={self.number}{'+' if self.on else ''}"


def run(scratch: Path, seed: int, count: int) -> Verdict:
    """`count` points: each kind of call in turn, the number drawn from those that a session makes."""
    dice, findings = random.Random(seed), Findings()
    bundle = crops.bundle_in(scratch)
    with in_memory() as place, ThreadPoolExecutor(_AT_ONCE) as pool:  # no sync waits for a disk
        points = list(_drawn(_calls(place / "counted", bundle, seed), count, dice))
        runs = [_Runs(place / f"{n}", bundle, seed + n) for n in range(count)]
        done = pool.map(_Runs.tried, runs, points)
        for found in tracked(done, "errors", count):
            findings.include(found)
    return judged(
        "errors",
        findings,
        KINDS,
        points=count,
        read_only=sum(each.last.failed for each in runs),
        full=sum(each.last.full for each in runs),
        acknowledged=sum(each.last.acknowledged for each in runs),
    )


def _calls(directory: Path, bundle: Path, seed: int) -> Counter[str]:
    """How many calls of each kind a session makes where none fails."""
    session = Session(directory, bundle, seed)
    session.run(None)
    lines = session.traced.read_text().splitlines()
    return Counter(found[1] for line in lines if (found := re.match(r"\d+ +(\w+)\(", line)))


def _drawn(made: Counter[str], count: int, dice: random.Random) -> Iterator[Point]:
    kinds = [call for call in CALLS if made[call]]
    for n in range(count):
        call = kinds[n % len(kinds)]
        error = dice.choice(("EIO", "EIO", "ENOSPC"))
        yield Point(call, error, dice.randint(1, made[call]), on=dice.random() < 0.5)


@dataclass
class Clerk(Writer):
    """Goes on after the disk failed, when nothing may be written any more."""

    findings: Findings = field(default_factory=Findings)
    failed: bool = False
    full: int = 0
    operations: int = 0
    seconds: list[float] = field(default_factory=list)

    def _do(self, person: str, after: State, call: Callable[[str], Answer]) -> Answer:
        self.operations += 1
        self.log.append((f"{self.name}.{self.operations}", person, after))
        if not self.failed:
            self.oracle.attempt(person, after)
        started = time.monotonic()
        answer = call(self.log[-1][0])
        self.seconds.append(time.monotonic() - started)
        self.judge(person, after, answer)
        return answer

    def judge(self, person: str, after: State, answer: Answer) -> None:
        told = (answer.status, (answer.document or {}).get("type"))
        if answer.acknowledged and self.failed:
            self.findings.add("written_on", f"{person}: {answer}")
        elif answer.acknowledged:
            self.acknowledged += 1
            self.oracle.acknowledge(person, after)
        elif told == _FULL and not self.failed:
            self.full += 1
            self.oracle.refuse(person)
        elif told == _FAILED:
            self.failed = True  # what was asked may be there after a restart
        elif not self.failed or answer.status not in _ELSE:
            self.failed = True
            self.findings.add("undocumented", f"{person}: {answer}")


class Session:
    """A server of its own, its calls, and what is there after a kill."""

    def __init__(self, directory: Path, bundle: Path, seed: int) -> None:
        self.traced = directory.with_suffix(".strace")
        self.acknowledged = self.full = 0
        self.slowest = 0.0  # seconds
        self.failed = False
        self._directory, self._bundle, self._seed = directory, bundle, seed

    def run(self, point: Point | None) -> Findings:
        """What was found wrong, with the point that did it."""
        findings, oracle = Findings(), Oracle()
        running = Served(self._directory, self._bundle, snapshots=_SNAPSHOTS, name=self._name)
        try:
            self._write(running, point, oracle, findings)
        except (Gone, AssertionError) as error:
            findings.add("dead", repr(error))
        finally:
            running.kill()
        self._look(oracle, findings)
        for cases in findings.examples.values():
            cases[:] = [f"{point}: {case}" for case in cases]
        return findings

    @property
    def _name(self) -> str:
        return f"{self._directory.name}-served"

    def _write(
        self, running: Served, point: Point | None, oracle: Oracle, findings: Findings
    ) -> None:
        clerk = Clerk("w", oracle, random.Random(self._seed), findings=findings)
        with self._tampered(running, point):
            clerk.run(running.address, lambda: clerk.operations >= _OPERATIONS)
            client = Client(running.address)
            client.search([crops.template([0])], 100)
            if clerk.failed == (client.call("GET", "/readyz").status == 200):
                findings.add(
                    "unready", f"read-only is {clerk.failed}, and /readyz says the opposite"
                )
            client.close()
        self.slowest = max(clerk.seconds)
        if self.slowest > _LONGEST:
            findings.add("hung", f"{self.slowest:.1f} s for an answer")
        if clerk.operations < _OPERATIONS:
            raise AssertionError("the server is gone")
        self.acknowledged, self.full, self.failed = clerk.acknowledged, clerk.full, clerk.failed

    @contextmanager
    def _tampered(self, running: Served, point: Point | None) -> Iterator[None]:
        """Calls are counted, and fail, from here on."""
        assert running.process.pid, running.log.read_text()
        command = ["strace", "-f", "-p", str(running.process.pid), "-o", str(self.traced)]
        for name in _FILES:
            command += ["-P", str(self._directory / name)]
        command += ["-e", f"trace={','.join(CALLS)}", "-e", "signal=none"]
        if point is not None:
            command += ["-e", f"inject={point}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr
            for line in tracer.stderr:
                if " attached" in line:
                    break
            else:
                raise SystemExit("The errors bar needs strace: apt-get install -y strace")
            try:
                yield
            finally:
                tracer.terminate()

    def _look(self, oracle: Oracle, findings: Findings) -> None:
        """After a restart on a disk that is well again."""
        running = Served(self._directory, self._bundle, snapshots=_SNAPSHOTS, name=self._name)
        if not running.address:
            findings.add("corrupt", running.log.read_text()[-300:])
            return
        client = Client(running.address)
        compare(client, oracle.possible(), findings)
        client.close()
        running.stop()
        with closing(sqlite3.connect(self._directory / "gallery.db")) as connection:
            [(told,)] = connection.execute("PRAGMA integrity_check(1)")
        if told != "ok":
            findings.add("corrupt", str(told))


class _Runs:
    """A point, and where answers took long the same session without it, which tells whose fault it is."""

    def __init__(self, directory: Path, bundle: Path, seed: int) -> None:
        self._directory, self._bundle, self._seed = directory, bundle, seed

    def tried(self, point: Point) -> Findings:
        for number in range(_TRIES):
            found = self._run(f"{number}", point)
            last, slow = self.last, self.last.slowest
            if found.counts.keys() != {"hung"}:
                break
            self._run(f"{number}-without", None)
            machine, self.last = self.last.slowest, last
            if slow < _BUSY * machine:
                return Findings()
        return found

    def _run(self, name: str, point: Point | None) -> Findings:
        directory = self._directory.with_name(f"{self._directory.name}-{name}")
        self.last = Session(directory, self._bundle, self._seed)
        return self.last.run(point)
