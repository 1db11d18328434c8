"""A flipped bit in the write-ahead log is turned back, and a torn log is left as it is."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.gallery.mending import mend

PAGE, FRAME = 4096, 24
COMMITS = 12


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A log of twelve commits, each of one page or more."""
    path = tmp_path_factory.mktemp("logged") / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for n in range(COMMITS):
            connection.execute("INSERT INTO t VALUES (?)", (random.Random(n).randbytes(2000),))
        return path.with_name("a.db-wal").read_bytes()


def mended(data: bytes, place: Path) -> bytes:
    path = place / "a.db-wal"
    path.write_bytes(data)
    mend(path)
    return path.read_bytes()


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def rows(data: bytes, place: Path) -> list[bytes]:
    """What SQLite reads out of the log."""
    for path in place.iterdir():
        path.unlink()
    with closing(sqlite3.connect(place / "a.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
    mended(data, place)
    with closing(sqlite3.connect(place / "a.db")) as connection:
        return [row for (row,) in connection.execute("SELECT a FROM t ORDER BY rowid")]


def test_a_flipped_bit_is_turned_back(log: bytes, tmp_path: Path) -> None:
    """The header, the frames' headers, and the lower bits of the words of pages."""
    headers = range(0, 256, 3)
    stored_sums = [
        8 * (32 + n * (FRAME + PAGE) + 8) + bit for n in (0, 2) for bit in range(0, 128, 3)
    ]
    dice = random.Random(0)
    words = [32 + FRAME + 4 * dice.randrange(PAGE // 4) for _ in range(50)]
    lower = [8 * word + dice.randrange(16) for word in words]  # of little-endian words
    for bit in [*headers, *stored_sums, *lower]:
        assert mended(flipped(log, bit), tmp_path) == log, bit


def test_of_any_flipped_bit_only_the_row_it_hit_is_affected(log: bytes, tmp_path: Path) -> None:
    dice, whole = random.Random(0), rows(log, tmp_path)
    assert len(whole) == COMMITS
    for _ in range(20):
        frame = dice.randrange(COMMITS - 1) * (FRAME + PAGE)
        bit = 8 * (32 + frame + FRAME + dice.randrange(PAGE // 2, PAGE)) + dice.randrange(8)
        read = rows(flipped(log, bit), tmp_path)
        assert len(read) == COMMITS
        assert sum(one != other for one, other in zip(read, whole, strict=True)) <= 1


def test_a_torn_end_is_left_as_it_is(log: bytes, tmp_path: Path) -> None:
    dice = random.Random(1)
    for _ in range(40):
        start = 32 + dice.randrange(COMMITS) * (FRAME + PAGE)
        torn = bytearray(log)
        for sector in range(start, start + FRAME + PAGE, 512):
            if dice.random() < 0.5:
                torn[sector : sector + 512] = bytes(len(torn[sector : sector + 512]))
        assert mended(bytes(torn), tmp_path) == torn


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 60, 4151, 4152])
def test_a_short_log_is_left_as_it_is(log: bytes, tmp_path: Path, size: int) -> None:
    assert mended(log[:size], tmp_path) == log[:size]


def test_bytes_that_are_no_log_are_left_as_they_are(tmp_path: Path) -> None:
    noise = random.Random(2).randbytes(30_000)
    assert mended(noise, tmp_path) == noise
    mend(tmp_path / "missing-wal")
