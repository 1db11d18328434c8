"""A process that commits rows to the database it is given, and answers each as a server would."""

from __future__ import annotations

import os
import sqlite3
import sys


def main(path: str, synchronous: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("CREATE TABLE t (a)")
    for number in range(40):
        connection.execute("INSERT INTO t VALUES (?)", (f"w.{number}",))
        os.write(1, f"HTTP/1.1 201 Created\r\nX-Request-ID: w.{number}\r\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
