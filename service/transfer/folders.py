"""A folder with one folder of photographs per person, as requests that enroll it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Final

from service.photographs import folder

MOST_FILES: Final = (
    20  # in a request: 8 such requests take half the deadline with IR-101 on 2 cores
)
MOST_BYTES: Final = 12_000_000  # of a body; the service takes 15 MB unless it is told otherwise


@dataclass(frozen=True, slots=True)
class Subject:
    """A person and their photographs; the name is that of the folder."""

    id: str
    name: str
    photographs: tuple[Path, ...]

    def batches(self) -> Iterator[list[Path]]:
        """The photographs request by request, the same each time for the same files."""
        batch: list[Path] = []
        size = 0
        for path in self.photographs:
            own = path.stat().st_size
            if batch and (len(batch) == MOST_FILES or size + own > MOST_BYTES):
                yield batch
                batch, size = [], 0
            batch, size = [*batch, path], size + own
        yield batch


def subjects(root: Path) -> list[Subject]:
    """The persons under `root`, in order. Raises PhotographsUnusable where there is none."""
    return [
        Subject(id_of(name), name, tuple(each.path for each in own))
        for name, own in groupby(folder(root), lambda each: each.person)
    ]


def id_of(name: str) -> str:
    """The name itself where it can be an id; else what is left of it, and a hash of it."""
    if re.fullmatch(r"[A-Za-z0-9_.\-]{1,255}", name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9_.\-]+", "_", plain).strip("_")[:200]
    return (
        f"{stem or 'person'}-{blake2b(name.encode('utf-8', 'replace'), digest_size=6).hexdigest()}"
    )
