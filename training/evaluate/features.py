"""Features of many crops, in batches, resumable."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.golden import Features
from training.evaluate.crops import Read
from training.evaluate.embedder import Embed

BATCH = 64
SHARD = 4096  # crops per cache file: 8 MB at 512 dimensions, some minutes of a CPU
READERS = 4  # decoding and warping leave the interpreter's lock alone
Progress = Callable[[int], object]


@dataclass(frozen=True)
class Cache:
    """Where features are kept between runs; `key` names model and data, so none are mixed."""

    directory: Path
    key: str

    def file(self, start: int) -> Path:
        digest = hashlib.sha256(self.key.encode()).hexdigest()[:16]
        return self.directory / digest / f"{start:09d}.npz"


def features(
    embed: Embed, read: Read, count: int, *, progress: Progress, cache: Cache | None = None
) -> Iterator[tuple[slice, Features]]:
    """The features of crops 0 to count - 1, a shard of rows at a time, in order.

    With `cache` a finished shard is read back instead of computed; a kill loses one shard.
    """
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(0, count, SHARD):
            rows = slice(start, min(start + SHARD, count))
            file = cache.file(start) if cache else None
            found = _load(file, rows.stop - start) if file else None
            if found is None:
                found = _compute(embed, read, rows, readers, progress)
                if file:
                    _save(file, found)
            else:
                progress(rows.stop - start)
            yield rows, found


def all_features(embed: Embed, read: Read, count: int, *, progress: Progress) -> Features:
    """The features of all crops at once: (count, d) and (count,)."""
    parts = [part for _, part in features(embed, read, count, progress=progress)]
    return Features(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _compute(
    embed: Embed, read: Read, rows: slice, readers: ThreadPoolExecutor, progress: Progress
) -> Features:
    parts = []
    for start in range(rows.start, rows.stop, BATCH):
        indices = range(start, min(start + BATCH, rows.stop))
        parts.append(embed(np.stack(list(readers.map(read, indices)))))
        progress(len(indices))
    return Features(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _save(path: Path, found: Features) -> None:
    partial = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as file:
        np.savez(file, embeddings=found.embeddings, norms=found.norms)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _load(path: Path, rows: int) -> Features | None:
    """A shard of an earlier run; None where there is none or it is damaged."""
    try:
        with path.open("rb") as file, np.load(file) as kept:
            found = Features(kept["embeddings"], kept["norms"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found if len(found.embeddings) == len(found.norms) == rows else None
