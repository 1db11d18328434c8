"""SIGKILL at every statement of every migration: the gallery opens as the old or the new, whole."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, ForkServerContext
from pathlib import Path
from typing import Any, Final

from service.gallery.local import LocalGallery
from service.gallery.migrations import MIGRATIONS
from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.oracle import Face, Findings, State, compare
from tests.faults.served import Served, served
from tests.faults.store import opened

_CONTEXT: Final = get_context("forkserver")
_BUNDLE: Final = "blocks@1"
_PEOPLE: Final = 20
_TIMES_REFUSED: Final = 20
_CREATED: Final = "2026-01-01T00:00:00.000000+00:00"


def run(scratch: Path, seed: int, most: int) -> Verdict:
    """Kills at every statement, or at `most` of them, on the way from the first release's schema."""
    old, findings = scratch / "old", Findings()
    truth = first_release(old, seed)
    statements = migrated(shutil.copytree(old, scratch / "counted"), kill_at=0)
    points = range(1, statements + 1, -(-statements // most))
    for point in tracked(points, "migrate", len(points)):
        directory = shutil.copytree(old, scratch / "killed")
        migrated(directory, kill_at=point)
        examine(directory, truth, findings)
        shutil.rmtree(directory)
    refused, slowest = second_process(scratch)
    if refused < _TIMES_REFUSED:
        findings.add("admitted", f"{_TIMES_REFUSED - refused} second processes were not refused")
    return judged(
        "migrate",
        findings,
        ("neither", "lost", "back", "disagree", "readable", "admitted"),
        statements=statements,
        kills=len(points),
        refused=f"{refused}/{_TIMES_REFUSED}",
        refusal_max_s=round(slowest, 2),
    )


def first_release(directory: Path, seed: int, people: int = _PEOPLE) -> dict[str, list[State]]:
    """Writes a gallery with the first schema; who is in it."""
    directory.mkdir()
    truth: dict[str, list[State]] = {}
    with closing(sqlite3.connect(directory / "gallery.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN; {MIGRATIONS[0]}; PRAGMA user_version = 1; COMMIT;")
        connection.execute(
            "INSERT INTO collections (id, metadata, bundle, created_at) VALUES (?, '{}', ?, ?)",
            ("default", _BUNDLE, _CREATED),
        )
        for number in range(people):
            truth[f"p{number}"] = [frozenset([_insert(connection, number, seed)])]
        connection.commit()
    return truth


def _insert(connection: sqlite3.Connection, number: int, seed: int) -> Face:
    face = Face(seed * 1000 + number, f"face-{number}")
    feature = crops.feature(face.seed)
    key = connection.execute(
        "INSERT INTO persons (collection, id, name, metadata, created_at)"
        " VALUES (1, ?, ?, '{}', ?)",
        (f"p{number}", f"Name {number}", _CREATED),
    ).lastrowid
    connection.execute(
        "INSERT INTO faces (id, person, embedding, norm, quality, created_at)"
        " VALUES (?, ?, ?, ?, 50, ?)",
        (
            face.id,
            key,
            crops.template([face.seed]).astype("<f4").tobytes(),
            float((feature @ feature) ** 0.5),
            _CREATED,
        ),
    )
    return face


def migrated(
    directory: Path, kill_at: int, context: ForkServerContext | ForkContext = _CONTEXT
) -> int:
    """Opens the gallery in a process that dies before its `kill_at`-th statement; 0 spares it.

    Returns how many statements the process ran, 0 where it was killed.
    """
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_open, args=(directory, kill_at, theirs))
    process.start()
    theirs.close()
    process.join()
    expected = -signal.SIGKILL if kill_at else 0
    if process.exitcode != expected:
        raise AssertionError(f"the process that migrates ended with {process.exitcode}")
    return int(mine.recv()) if not kill_at else 0


def _open(directory: Path, kill_at: int, counted: Connection) -> None:
    """Counts through SQLite's own trace, which it calls before it runs a statement."""
    logging.disable()
    ran = 0

    def count(_: str) -> None:
        nonlocal ran
        ran += 1
        if ran == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = plain(*arguments, **options)
        connection.set_trace_callback(count)
        return connection

    plain = sqlite3.connect
    sqlite3.connect = connect  # type: ignore[assignment] # in this process, which ends here
    LocalGallery.open(directory, bundle=_BUNDLE, dimension=crops.DIMENSION).close()
    counted.send(ran)


def examine(directory: Path, truth: dict[str, list[State]], findings: Findings) -> None:
    """Old or new before the real code opens it, and everyone there afterwards."""
    try:
        with closing(sqlite3.connect(directory / "gallery.db")) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            [(told,)] = connection.execute("PRAGMA integrity_check(1)")
            [(faces,)] = connection.execute("SELECT count(*) FROM faces")
        if not 1 <= version <= len(MIGRATIONS) or told != "ok" or faces != len(truth):
            findings.add("neither", f"version {version}, {told}, {faces} faces")
        with opened(directory, _BUNDLE) as store:
            compare(store, truth, findings)
        if plain := _readable(directory, truth):
            findings.add("readable", f"{plain} templates of the old gallery are not encrypted")
    except Exception as error:  # noqa: BLE001 - whatever opening raises is the finding
        findings.add("neither", repr(error))


def _readable(directory: Path, truth: dict[str, list[State]]) -> int:
    files = b"".join(path.read_bytes() for path in directory.iterdir())
    faces = [face for states in truth.values() for state in states for face in state or ()]
    stored = [crops.template([face.seed]).astype("<f4").tobytes() for face in faces]
    return sum(template[:16] in files or template[-16:] in files for template in stored)


def second_process(scratch: Path) -> tuple[int, float]:
    """How often a second server was refused by the directory of a running one; the slowest, in s."""
    bundle, refused, slowest = crops.bundle_in(scratch), 0, 0.0
    with served(scratch / "shared", bundle):
        for _ in range(_TIMES_REFUSED):
            started = time.monotonic()
            second = Served(scratch / "shared", bundle, name="second")
            second.stop()
            slowest = max(slowest, time.monotonic() - started)
            refused += not second.address and "Another process uses" in second.log.read_text()
    return refused, slowest
