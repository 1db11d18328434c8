"""The replay of power cuts: it loses what was not synced, and nothing that was."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path, PurePath

import pytest

from tests.faults.platter import MODES, Mode, Platter, cuts
from tests.faults.trace import (
    Answer,
    Create,
    Event,
    Rename,
    Sync,
    Truncate,
    Unlink,
    Write,
    read,
    strace,
)

WRITER = Path(__file__).parent / "committing.py"


def hexed(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def test_system_calls_are_read_with_their_interruptions() -> None:
    file, other, place = hexed("/d/f"), hexed("/d/g"), hexed("/d")
    answer = hexed("HTTP/1.1 201 Created\r\nX-Request-ID: w.1\r\n")
    refusal = hexed("HTTP/1.1 507 Full\r\nX-Request-ID: w.2\r\n")
    lines = [
        f'1 openat(AT_FDCWD</>, "{file}", O_RDWR|O_CREAT, 0600) = 3<{file}>',
        f'1 pwrite64(3<{file}>, "{hexed("abc")}", 3, 8) = 3',
        f"1 fdatasync(3<{file}> <unfinished ...>",
        f'2 write(3<{file}>, "{hexed("de")}", 2) = 2',
        f'2 writev(9<{hexed("socket:[1]")}>, [{{iov_base="{answer}", iov_len=9}}], 1) = 9',
        "1 <... fdatasync resumed>) = 0",
        f'1 write(9<{hexed("socket:[1]")}>, "{refusal}", 9) = 9',
        f'1 pwrite64(3<{file}>, "{hexed("x")}", 1, 0) = -1 ENOSPC (No space left on device)',
        f"1 ftruncate(3<{file}>, 4) = 0",
        f'1 rename("{file}", "{other}") = 0',
        f'1 unlink("{other}") = 0',
        f"1 fsync(4<{place}>) = 0",
        f'1 write(5<{hexed("/elsewhere")}>, "{hexed("x")}", 1) = 1',
        "1 +++ killed by SIGKILL +++",
    ]
    assert read(lines, Path("/d")) == [
        Create("/d/f"),
        Write("/d/f", 8, b"abc"),
        Write("/d/f", 0, b"de"),
        Answer("w.1"),
        Sync("/d/f", 2),
        Truncate("/d/f", 4),
        Rename("/d/f", "/d/g"),
        Unlink("/d/g"),
        Sync("/d", 8),
    ]


def platter(*events: Event) -> Platter:
    made = Platter()
    for number, event in enumerate(events):
        made.issue(number, event)
    return made


@pytest.mark.parametrize("mode", MODES)
def test_what_was_synced_is_there(mode: Mode) -> None:
    made = platter(Create("/d/f"), Write("/d/f", 2, b"xy"), Sync("/d/f", 2), Sync("/d", 3))
    assert made.left(mode, random.Random(0)) == {"/d/f": b"\0\0xy"}
    assert made.unsynced == 0


def test_a_file_whose_name_was_not_synced_may_be_missing() -> None:
    made = platter(Create("/d/f"), Write("/d/f", 0, b"x"), Sync("/d/f", 2))
    assert made.left("none", random.Random(0)) == {}
    assert {str(made.left("prefix", random.Random(n))) for n in range(9)} == {
        "{}",
        "{'/d/f': b'x'}",
    }


def test_a_sync_covers_only_what_was_issued_before_it() -> None:
    made = platter(Create("/d/f"), Sync("/d", 1), Write("/d/f", 0, b"x"), Sync("/d/f", 2))
    assert made.left("none", random.Random(0)) == {"/d/f": b""}


def test_unsynced_writes_survive_in_part() -> None:
    made = platter(Create("/d/f"), Sync("/d", 1), *[Write("/d/f", n, b"x") for n in range(4)])
    kept = {made.left("prefix", random.Random(n))["/d/f"] for n in range(99)}
    assert kept == {b"x" * n for n in range(5)}
    torn = platter(Create("/d/f"), Sync("/d", 1), Write("/d/f", 0, b"x" * 4096))
    sizes = {len(torn.left("torn", random.Random(n))["/d/f"].lstrip(b"\0")) for n in range(99)}
    assert {0, 512, 4096} <= sizes
    assert all(size % 512 == 0 for size in sizes)


def test_a_rename_takes_the_contents_along() -> None:
    events: list[Event] = [
        Create("/d/f"),
        Write("/d/f", 0, b"new"),
        Sync("/d/f", 2),
        Rename("/d/f", "/d/g"),
    ]
    assert platter(*events, Sync("/d", 4)).left("none", random.Random(0)) == {"/d/g": b"new"}


@pytest.mark.skipif(shutil.which("strace") is None, reason="apt-get install strace")
@pytest.mark.parametrize(("synchronous", "loses"), [("NORMAL", True), ("FULL", False)])
def test_a_log_that_is_not_synced_is_caught(
    tmp_path: Path, synchronous: str, *, loses: bool
) -> None:
    """The method has to tell the two apart, or it proves nothing."""
    directory, output = tmp_path / "data", tmp_path / "strace.txt"
    directory.mkdir()
    command = [*strace(output), sys.executable, str(WRITER), str(directory / "a.db"), synchronous]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with output.open() as lines:
        events = read(lines, directory)
    lost = 0
    for number, cut in enumerate(cuts(events, 60, random.Random(0))):
        place = tmp_path / str(number)
        place.mkdir()
        for path, data in cut.image.items():
            (place / PurePath(path).name).write_bytes(data)
        lost += not cut.answered <= committed(place / "a.db")
    assert (lost > 0) == loses


def committed(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
        return {row[0] for row in connection.execute("SELECT a FROM t")} if tables else set()
