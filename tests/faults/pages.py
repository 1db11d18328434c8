"""Where the values of rows lie in SQLite's files, after its description of the file format."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

_PAGE: Final = 4096
_TABLE_LEAF: Final = 0x0D
_WAL_HEADER, _FRAME_HEADER = 32, 24
_SHORTEST: Final = 6  # bytes; shorter values are found anywhere


class Span(NamedTuple):
    """`length` bytes from `start` of a file."""

    start: int
    length: int


def values(directory: Path) -> dict[str, list[Span]]:
    """The texts and blobs of all tables' rows, by the file's name; not those of their indexes."""
    with tempfile.TemporaryDirectory() as scratch:  # opening and closing empties the log
        copy = shutil.copytree(directory, Path(scratch) / "copy")
        with closing(sqlite3.connect(copy / "gallery.db")) as connection:
            wanted = set(_stored(connection))
    files = {"gallery.db": (0, 0), "gallery.db-wal": (_WAL_HEADER, _FRAME_HEADER)}
    return {
        name: list(_found(path.read_bytes(), wanted, *headers))
        for name, headers in files.items()
        if (path := directory / name).exists()
    }


def _stored(connection: sqlite3.Connection) -> Iterator[bytes]:
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    for (table,) in connection.execute(query).fetchall():
        for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - our own table
            for value in row:
                data = value.encode() if isinstance(value, str) else value
                if isinstance(data, bytes) and len(data) >= _SHORTEST:
                    yield data


def _found(data: bytes, wanted: set[bytes], header: int, frame: int) -> Iterator[Span]:
    for start in range(header, len(data), frame + _PAGE):
        page = data[start + frame : start + frame + _PAGE]
        if page[:1] == bytes([_TABLE_LEAF]):
            for value in wanted:
                at = page.find(value)
                if at >= 0:
                    yield Span(start + frame + at, len(value))
