"""A full disk: enrolling says so, searching and deleting go on, and writes resume by themselves."""

from __future__ import annotations

import os
import random
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.client import Answer, Client
from tests.faults.oracle import Face, Findings, Oracle, compare
from tests.faults.served import Served, served

_FULL_AFTER: Final = 20  # refusals in a row that mean full: a smaller write may still fit
_SIZE: Final = 24 << 20  # bytes of the small disk
_MOST: Final = 3000  # people that do not fit
KINDS: Final = (
    "undocumented",
    "never_full",
    "undeletable",
    "stuck",
    "lost",
    "back",
    "disagree",
)
_ROOM: Final = 1 << 20  # bytes a file may grow under a quota before it is used up


@dataclass
class _Clerk:
    """Enrolls and deletes one after the other, and tells the oracle."""

    client: Client
    oracle: Oracle
    findings: Findings
    dice: random.Random
    number: int = 0

    def enroll(self) -> bool:
        """A new person with one face; whether there was room for both."""
        self.number += 1
        person, seed = f"p{self.number}", self.dice.randrange(2**31)
        created = self.client.create(person, metadata={"x": "y" * 5000})
        if not created.acknowledged:
            return self._refused(person, created)
        self.oracle.acknowledge(person, frozenset())
        answer = self.client.enroll(person, seed)
        if not answer.acknowledged:
            return self._refused(person, answer)
        face = Face(seed, answer.document["faces"][0]["id"])
        self.oracle.acknowledge(person, frozenset([face]))
        return True

    def delete(self, person: str) -> bool:
        answer = self.client.delete(person)
        if answer.acknowledged:
            self.oracle.acknowledge(person, None)
            return True
        return self._refused(person, answer)

    def _refused(self, person: str, answer: Answer) -> bool:
        kind = (answer.document or {}).get("type")
        if (answer.status, kind) != (507, "urn:problem:storage-full"):
            self.findings.add("undocumented", f"{person}: {answer}")
        return False


class _Quota:
    """A limit on the size of any file, as a quota ends it: EFBIG instead of ENOSPC."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def fill(self, running: Served) -> None:
        running.limit_files(self._largest() + _ROOM)

    def tighten(self, running: Served) -> None:
        """What a file may grow is what it has grown."""
        running.limit_files(self._largest())

    def _largest(self) -> int:
        return max(path.stat().st_size for path in self._directory.rglob("*") if path.is_file())

    def free(self, running: Served) -> None:
        running.limit_files(-1)

    def close(self) -> None:
        """Nothing is left behind."""


class _SmallDisk:
    """A tmpfs, filled by a file beside the gallery's."""

    def __init__(self, directory: Path) -> None:
        self._ballast = directory / "ballast"
        self._directory = directory
        size = f"size={_SIZE}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", directory], check=True)

    def fill(self, _: Served) -> None:
        left = os.statvfs(self._directory)
        self._ballast.write_bytes(bytes(left.f_bavail * left.f_bsize - _ROOM))

    def tighten(self, _: Served) -> None:
        """Whoever else writes to the disk takes what was left."""
        left = os.statvfs(self._directory)
        with self._ballast.open("ab") as ballast:
            ballast.write(bytes(left.f_bavail * left.f_bsize))

    def free(self, _: Served) -> None:
        self._ballast.unlink()

    def close(self) -> None:
        subprocess.run(["umount", self._directory], check=True)


_Place: TypeAlias = _Quota | _SmallDisk


def run(scratch: Path, seed: int, deletions: int) -> Verdict:
    """On a small disk where this user may mount one, and under a quota of file sizes."""
    findings, figures = Findings(), {}
    bundle = crops.bundle_in(scratch)
    kinds: list[type[_Place]] = [_Quota, _SmallDisk] if os.geteuid() == 0 else [_Quota]
    for kind in tracked(kinds, "disk", len(kinds)):
        name = kind.__name__.removeprefix("_").lower()
        (scratch / name).mkdir()
        with closing(kind(scratch / name)) as place, served(scratch / name / "data", bundle) as run:
            figures[name] = _filled(place, run, deletions, findings, random.Random(seed))
    if len(kinds) == 1:
        figures["smalldisk"] = "needs root"
    return judged("disk", findings, KINDS, **figures)


def _filled(
    place: _Place, running: Served, deletions: int, findings: Findings, dice: random.Random
) -> str:
    """Before, while and after the disk is full; what was counted, in words."""
    client, oracle = Client(running.address), Oracle()
    clerk = _Clerk(client, oracle, findings, dice)
    assert all(clerk.enroll() for _ in range(deletions + 10))
    place.fill(running)
    enrolled = _until_full(clerk)
    if enrolled == _MOST:
        findings.add("never_full", f"{enrolled} people fit")
    place.tighten(running)
    compare(client, oracle.possible(), findings)
    deleted = sum(clerk.delete(f"p{n}") for n in range(1, deletions + 1))
    if deleted < deletions:
        findings.add("undeletable", f"{deleted} of {deletions} people could be deleted")
    compare(client, oracle.possible(), findings)
    place.free(running)
    if not all(clerk.enroll() for _ in range(10)):
        findings.add("stuck", "enrolling is refused although there is room again")
    compare(client, oracle.possible(), findings)
    client.close()
    return f"{enrolled}+{deleted}"


def _until_full(clerk: _Clerk) -> int:
    """How many people were enrolled before the disk was full."""
    enrolled = refused = 0
    while refused < _FULL_AFTER and enrolled < _MOST:
        if clerk.enroll():
            enrolled, refused = enrolled + 1, 0
        else:
            refused += 1
    return enrolled
