"""A folder of aligned crops, one folder per identity, frozen by a manifest."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from training.data.source import Color, CorruptRecord, Example, crop, decode, probe, write_whole

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
MANIFEST = "manifest.tsv"
COLUMNS = ["path", "label", "sha1"]


class Entry(NamedTuple):
    """One line of the manifest; `path` is relative to the root, with forward slashes."""

    path: str
    label: int
    sha1: str


class Folder:
    """`root/<identity>/<picture>`; identities are numbered in the order of their names.

    The first use writes `manifest.tsv` into the root, or to `manifest` where that is given (a
    read-only data set): every later run has the same pictures under the same numbers, whatever
    has been added since. Delete the manifest to take new pictures in.

    Raises ValueError with one sentence where there is nothing to train on, a listed file is
    gone, or pictures are not 112×112 and `resize` is off.
    """

    def __init__(
        self,
        root: Path,
        *,
        color: Color = "rgb",
        resize: bool = False,
        manifest: Path | None = None,
    ) -> None:
        self.root, self.color, self.resize = root, color, resize
        self.manifest = manifest or root / MANIFEST
        if not self.manifest.exists():
            write_manifest(root, self.manifest)
        entries = [(os.fsencode(path), number) for path, number, _ in read_manifest(self.manifest)]
        # Arrays, because every worker would end up with its own copy of millions of objects:
        # reading one writes its reference count.
        self._paths = np.array([path for path, _ in entries], np.bytes_)
        self._labels = np.array([number for _, number in entries], np.int32)
        self.classes = 1 + int(self._labels.max(initial=-1))
        probe(self, str(root))

    def __len__(self) -> int:
        return len(self._labels)

    def read(self, index: int) -> Example:
        path = self.root / os.fsdecode(self._paths[index])
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CorruptRecord(f"{path} cannot be read: {error.strerror}.") from None
        image = decode(content, self.color, str(path))
        return Example(crop(image, str(path), resize=self.resize), int(self._labels[index]))

    @cached_property
    def fingerprint(self) -> str:
        """Of the manifest, which holds every picture's hash, and of how they are read."""
        digest = hashlib.sha256(f"folder {self.color} {self.resize}".encode())
        digest.update(self.manifest.read_bytes())
        return digest.hexdigest()


def write_manifest(
    root: Path, path: Path, *, progress: Callable[[int], object] = lambda _: None
) -> None:
    """Lists the pictures below `root` with label and SHA-1, whole or not at all.

    Every picture is read for it; `progress` is called with 1 after each.

    Raises ValueError where `root` is no folder, and where `path` cannot be written.
    """
    if not root.is_dir():
        raise ValueError(f"{root} is no folder.")
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in _entries(root):
        writer.writerow(entry)
        progress(1)
    try:
        write_whole(path, lines.getvalue())
    except OSError as error:
        raise ValueError(
            f"{path} cannot be written ({error.strerror}); name another place for the manifest."
        ) from None


def _entries(root: Path) -> Iterator[Entry]:
    """Pictures in the order of code points, which no locale and no file system changes."""
    people = sorted(place.name for place in root.iterdir() if place.is_dir())
    pictures = {person: _pictures(root / person) for person in people}
    for number, person in enumerate(person for person in people if pictures[person]):
        for name in pictures[person]:
            digest = hashlib.sha1((root / person / name).read_bytes(), usedforsecurity=False)
            yield Entry(f"{person}/{name}", number, digest.hexdigest())


def _pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def read_manifest(path: Path) -> Iterator[Entry]:
    """The entries of a manifest. Raises ValueError, naming the line, where it is none."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t")
        if next(rows, None) != COLUMNS:
            raise ValueError(f"{path} is no manifest: its first line is not {' '.join(COLUMNS)}.")
        try:
            for name, number, sha1 in rows:
                yield Entry(name, int(number), sha1)
        except ValueError:
            raise ValueError(
                f"Line {rows.line_num} of {path} is not path, label and sha1; "
                "delete the manifest to have it written again."
            ) from None
