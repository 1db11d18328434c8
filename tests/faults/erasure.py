"""A deletion is gone from every file at the moment of its 204."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple
from uuid import NAMESPACE_OID, uuid5

from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.client import Client
from tests.faults.oracle import Findings
from tests.faults.served import served

_KEPT: Final = 4  # one of so many people stays, so that pages are merged and not only freed
_PIECE: Final = 16  # bytes of a value that are looked for: 2^128 others would do by chance
_KEYS: Final = "secrets"  # the table of the wrapped keys


def run(scratch: Path, seed: int, people: int) -> Verdict:
    """Deletes `people` in a random order, between a third as many who stay."""
    dice, findings = random.Random(seed), Findings()
    directory = scratch / "data"
    with served(directory, crops.bundle_in(scratch)) as running:
        client = Client(running.address)
        seeds = [dice.randrange(2**31) for _ in range(people * _KEPT // (_KEPT - 1))]
        told = [_enrolled(client, each, n) for n, each in enumerate(seeds)]
        leaving = [n for n in range(len(told)) if n % _KEPT]
        dice.shuffle(leaving)
        _controlled(directory, told, seeds, findings)
        rows = _Rows(directory)
        client.close()  # looking took longer than the service keeps an idle connection, 5 s
        client = Client(running.address)
        for n in tracked(leaving, "erasure", len(leaving)):
            assert client.delete(f"p{n}").status == 204
            _look(directory, f"p{n}", told[n], rows.vanished(), findings)
        present = set(client.persons())
        client.close()
    expected = {f"p{n}" for n in range(len(told)) if not n % _KEPT}
    if present != expected:
        findings.add("lost", f"{len(expected - present)} people went who were not deleted")
    return judged(
        "erasure",
        findings,
        ("names", "keys", "readable", "lost", "blind"),
        deleted=len(leaving),
        kept=len(expected),
        noise=findings.counts["noise"],
    )


class _Vanished(NamedTuple):
    keys: list[bytes]
    sealed: list[bytes]


def _enrolled(client: Client, seed: int, number: int) -> list[bytes]:
    """Enrolls a person; what of them must be nowhere afterwards."""
    words = [str(uuid5(NAMESPACE_OID, f"{seed} {kind}")) for kind in range(3)]
    name, external_id, told = words
    created = client.create(
        f"p{number}", name=name, external_id=external_id, metadata={"told": told}
    )
    assert created.acknowledged
    assert client.enroll(f"p{number}", seed).acknowledged
    return [word.encode() for word in words]


class _Rows:
    """The binary values in all tables; a deletion makes some of them vanish."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "gallery.db"
        self._values = self._read()

    def vanished(self) -> _Vanished:
        """The keys and the sealed values that were in a row at the last call and are in none now."""
        before, self._values = self._values, self._read()
        gone = [value for value in before - self._values if len(value[1]) >= _PIECE]
        return _Vanished(
            [value for table, value in gone if table == _KEYS],
            [value for table, value in gone if table != _KEYS],
        )

    def _read(self) -> Counter[tuple[str, bytes]]:
        with closing(sqlite3.connect(self._path)) as connection:
            query = "SELECT name FROM sqlite_schema WHERE type = 'table'"
            tables = [name for (name,) in connection.execute(query)]
            return Counter(
                (table, value)
                for table in tables
                for row in connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - our own
                for value in row
                if isinstance(value, bytes)
            )


def _look(
    directory: Path, person: str, words: list[bytes], gone: _Vanished, findings: Findings
) -> None:
    """Without its key a sealed value is noise, so of the two only the key has to be gone."""
    for name, data in _files(directory):
        if any(word in data for word in words):
            findings.add("names", f"{person} is named in {name}")
        if any(piece in data for value in gone.keys for piece in _pieces(value)):
            findings.add("keys", f"part of {person}'s key is still in {name}")
        if any(piece in data for value in gone.sealed for piece in _pieces(value)):
            findings.add("noise", f"part of {person}'s sealed template is still in {name}")
    if not gone.keys or not gone.sealed:
        findings.add("blind", f"with {person} no key or no sealed value vanished")


def _files(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield path.name, path.read_bytes()


def _pieces(value: bytes) -> Iterator[bytes]:
    for start in range(0, len(value) - _PIECE + 1, _PIECE):
        yield value[start : start + _PIECE]


def _controlled(
    directory: Path, told: list[list[bytes]], seeds: list[int], findings: Findings
) -> None:
    """While the people are there, nothing of them can be read, and all sealed values be found."""
    joined = b"".join(data for _, data in _files(directory))
    for number, words in enumerate(told):
        template = crops.template([seeds[number]]).astype("<f4").tobytes()
        if any(part in joined for part in [*words, template[:_PIECE], template[-_PIECE:]]):
            findings.add("readable", f"p{number} can be read in the files")
    values = [value for _, value in _Rows(directory)._values]
    if unseen := sum(value[:_PIECE] not in joined for value in values):
        findings.add("blind", f"of {len(values)} binary values {unseen} are not in the files")
