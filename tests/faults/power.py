"""Power cuts, replayed from what the running server told the kernel: nothing acknowledged is lost.

The method of SQLite's test6.c and of ALICE, from outside: strace records every write and sync of
`adaface serve`, and the bytes of each 2xx. Wherever the power goes, what was synced is there, and
of the rest nothing, a beginning or torn parts. The real code opens what is left.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path, PurePath
from typing import Final

from models import bundle as bundles
from tests.faults import crops, trace
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.oracle import Findings, Oracle, State, compare
from tests.faults.platter import Cut, Image, cuts
from tests.faults.scratch import in_memory
from tests.faults.store import opened
from tests.faults.writing import Writer
from tests.service.serving import ADAFACE, ADDRESS, PATIENCE, environment

WRITERS: Final = 4
_AT_ONCE: Final = 32  # images in flight to the processes that open them


@dataclass(frozen=True, slots=True)
class Recording:
    """What a server did to `directory`, and what it was asked to do to each person, in order."""

    events: list[trace.Event]
    asked: dict[str, list[tuple[str, State]]]  # request id and the state after
    refused: int

    def possible(self, answered: frozenset[str]) -> dict[str, list[State]]:
        """The states each person may be in once these requests have been answered."""
        found: dict[str, list[State]] = {}
        for person, requests in self.asked.items():
            done = sum(tag in answered for tag, _ in requests)
            states = [None, *(state for _, state in requests)]
            found[person] = states[done : done + 2]
        return found


def run(scratch: Path, seed: int, count: int) -> Verdict:
    """`count` cuts of one recording of a third as many acknowledged operations."""
    bundle = crops.bundle_in(scratch)
    recording = recorded(scratch, bundle, max(60, count // 3), seed)
    name = bundles.load(bundle).manifest.id
    findings, unsynced = Findings(), 0
    made = tracked(cuts(recording.events, count, random.Random(seed)), "power", count)
    quiet = logging.disable
    with ProcessPoolExecutor(mp_context=get_context("forkserver"), initializer=quiet) as pool:
        while batch := list(islice(made, _AT_ONCE)):
            states = [recording.possible(cut.answered) for cut in batch]
            same = [name] * len(batch), [scratch / "data"] * len(batch)
            for found in pool.map(examine, batch, states, *same):
                findings.include(found)
            unsynced += sum(cut.unsynced > 0 for cut in batch)
    return judged(
        "power",
        findings,
        ("lost", "back", "corrupt", "disagree"),
        cuts=count,
        with_unsynced=unsynced,
        acknowledged=sum(isinstance(event, trace.Answer) for event in recording.events),
        syncs=sum(isinstance(event, trace.Sync) for event in recording.events),
        refused=recording.refused,
    )


def recorded(scratch: Path, bundle: Path, enough: int, seed: int) -> Recording:
    """Four writers on a traced server, while a backup reads over a connection of its own."""
    directory, output = scratch / "data", scratch / "strace.txt"
    with _traced(directory, bundle, output) as address:
        oracle = Oracle()
        writers = [Writer(f"w{n}", oracle, random.Random(seed + n)) for n in range(WRITERS)]
        deadline = time.monotonic() + PATIENCE

        def done() -> bool:
            acknowledged = sum(writer.acknowledged for writer in writers)
            return acknowledged >= enough or time.monotonic() > deadline

        with _backing_up(directory / "gallery.db"), ThreadPoolExecutor(WRITERS) as pool:
            for task in [pool.submit(writer.run, address, done) for writer in writers]:
                task.result()
    asked: dict[str, list[tuple[str, State]]] = {}
    for writer in writers:
        for tag, person, after in writer.log:
            asked.setdefault(person, []).append((tag, after))
    with output.open() as lines:
        events = trace.read(lines, directory)
    return Recording(events, asked, sum(len(writer.refused) for writer in writers))


@contextmanager
def _traced(directory: Path, bundle: Path, output: Path) -> Iterator[str]:
    """The address of `adaface serve` under strace, which is killed in the end."""
    directory.mkdir(mode=0o700)
    log = directory.with_suffix(".log")
    with log.open("wb") as printed:
        tracer = subprocess.Popen(
            [*trace.strace(output), *ADAFACE, "serve"],
            env=environment(port=0, data_dir=directory, bundle=bundle, threads=1),
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(tracer, log)
    finally:
        with suppress(IndexError, ProcessLookupError), output.open() as lines:
            os.kill(int(lines.readline().split()[0]), signal.SIGKILL)
        tracer.wait(PATIENCE)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if found := ADDRESS.search(log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the server did not start: {log.read_text()}")


@contextmanager
def _backing_up(path: Path) -> Iterator[None]:
    """Copies the database over and over; its connection keeps the write-ahead log alive."""
    stop = threading.Event()

    def copy() -> None:
        with closing(sqlite3.connect(path)) as source:
            while not stop.is_set():
                with closing(sqlite3.connect(":memory:")) as target:
                    source.backup(target, pages=20, sleep=0.01)

    thread = threading.Thread(target=copy)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def examine(
    cut: Cut, possible: dict[str, Sequence[State]], bundle: str, recorded_in: Path
) -> Findings:
    """What the real code makes of the files that a cut left of those in `recorded_in`."""
    findings = Findings()
    with in_memory() as directory:
        _lay_out(cut.image, recorded_in, directory)
        try:
            with opened(directory, bundle) as store:
                compare(store, possible, findings)
            with closing(sqlite3.connect(directory / "gallery.db")) as connection:
                [(told,)] = connection.execute("PRAGMA integrity_check(1)")
            if told != "ok":
                findings.add("corrupt", f"{cut.mode}: {told}")
        except Exception as error:  # noqa: BLE001 - whatever opening or searching raises is the finding
            findings.add("corrupt", f"{cut.mode}: {error!r}")
    findings.counts = Counter(set(findings.counts))  # a cut counts once, whomever it concerns
    return findings


def _lay_out(image: Image, recorded_in: Path, directory: Path) -> None:
    for path, data in image.items():
        place = directory / PurePath(path).relative_to(recorded_in)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
