"""What is in a data set, before a month of training finds out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from training.data.order import permutation
from training.data.shards import Shards
from training.data.source import CorruptRecord, Example, Source

SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class Report(NamedTuple):
    """Counts over `read` of the `images` pictures.

    `present` of the `classes` identities were met; `per_identity` are quantiles (by share, 0 to
    1) of their numbers of pictures. `duplicates` are pictures whose pixels were met before,
    `conflicts` those of them that were met under another label.
    """

    images: int
    read: int
    classes: int
    present: int
    per_identity: dict[float, int]
    corrupt: int
    first_corrupt: str
    duplicates: int
    conflicts: int


def inspect(
    source: Source | Shards,
    *,
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[int], object] = lambda _: None,
) -> Report:
    """Reads a source, or `limit` pictures of it, and counts what it finds.

    The pictures are a random sample, but of shards the first ones. Memory is 40 bytes a picture.
    """
    people: Counter[int] = Counter()
    seen: dict[bytes, int] = {}
    corrupt: list[str] = []
    conflicts = 0
    for reading in _readings(source, len(source) if limit is None else limit, seed):
        progress(1)
        if isinstance(reading, CorruptRecord):
            corrupt.append(str(reading))
            continue
        people[reading.label] += 1
        first = seen.setdefault(_hash(reading), reading.label)
        conflicts += first != reading.label
    counts = np.array(list(people.values()) or [0])
    return Report(
        images=len(source),
        read=people.total() + len(corrupt),
        classes=source.classes,
        present=len(people),
        per_identity={share: int(np.quantile(counts, share, method="nearest")) for share in SHARES},
        corrupt=len(corrupt),
        first_corrupt=corrupt[0] if corrupt else "",
        duplicates=people.total() - len(seen),
        conflicts=conflicts,
    )


def _hash(example: Example) -> bytes:
    return hashlib.sha1(example.image.tobytes(), usedforsecurity=False).digest()


def _readings(source: Source | Shards, limit: int, seed: int) -> Iterator[Example | CorruptRecord]:
    if isinstance(source, Shards):
        for place in islice(source.places(), limit):
            try:
                yield source.example(place)
            except CorruptRecord as error:
                yield error
    else:
        for index in permutation(seed, 0, len(source))[:limit].tolist():
            try:
                yield source.read(index)
            except CorruptRecord as error:
                yield error
