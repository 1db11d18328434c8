"""RecordIO, the format of the face sets made for MXNet, read from a memory map without MXNet.

A record is `u32 magic, u32 flag << 29 | length, payload`, padded to four bytes. Where the payload
itself holds the magic on a four-byte boundary, the writer leaves it out and splits the record
there (flags 1, 2, 3: first, middle, last part). A payload is an `IRHeader` and an encoded picture.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
import warnings
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.data.source import (
    JPEG_START,
    PNG_START,
    Color,
    CorruptRecord,
    Example,
    crop,
    decode,
    label,
    probe,
    write_whole,
)

MAGIC = struct.pack("<I", 0xCED7230A)
WORD = struct.Struct("<I")
HEADER = struct.Struct("<IfQQ")  # flag (number of labels that follow), label, id, id2
WHOLE, FIRST, MIDDLE, LAST = range(4)
END_OF_FILE = 1 << 20  # bytes at either end that go into the fingerprint


class Record(NamedTuple):
    """A payload taken apart; `labels` has one element unless the record holds an array."""

    labels: NDArray[np.float32]
    picture: bytes

    @property
    def is_header(self) -> bool:
        """A record about the set: an array of labels with no picture behind it."""
        return len(self.labels) > 1 and not self.picture.startswith((JPEG_START, PNG_START))


class Part(NamedTuple):
    """Where the content of a part starts and ends, and where the next part begins."""

    flag: int
    start: int
    end: int
    next: int


class Index(NamedTuple):
    """Where the records are: `keys` and byte `offsets`, both (n,) int64, sorted by key."""

    keys: NDArray[np.int64]
    offsets: NDArray[np.int64]


class RecordIO:
    """The pictures of a `.rec` file with the `.idx` beside it.

    Understands both habits: a first record that says which keys are pictures (insightface) and
    none (CVLface). A missing `.idx` is made by walking through the file. `classes` comes from `property` beside the file, from the first record, or else from reading every label.

    Raises ValueError with one sentence where the file is no RecordIO or not what it says it is.
    """

    def __init__(self, path: Path, *, color: Color, classes: int | None = None) -> None:
        self.path, self.color = path, color
        self._map = _mapped(path)
        index = _index(path, self._map)
        header = _header(self._map, index)
        self._index = index if header is None else _pictures(index, header)
        self.classes = classes or self._declared(header) or self._counted()
        probe(self, str(path))

    def __len__(self) -> int:
        return len(self._index.keys)

    def read(self, index: int) -> Example:
        name = f"Record {self._index.keys[index]} of {self.path}"
        record = unpack(payload(self._map, int(self._index.offsets[index]), name), name)
        identity = label(float(record.labels[0]), self.classes, name)
        return Example(crop(decode(record.picture, self.color, name), name), identity)

    @cached_property
    def fingerprint(self) -> str:
        """Of the index, the size and a MiB at either end: the whole would take minutes to read."""
        digest = hashlib.sha256(f"recordio {self.color} {len(self._map)}".encode())
        digest.update(self._index.keys.tobytes() + self._index.offsets.tobytes())
        digest.update(self._map[:END_OF_FILE] + self._map[-END_OF_FILE:])
        return digest.hexdigest()

    def _declared(self, header: Record | None) -> int | None:
        """The number of identities that the files state, None where they are silent."""
        stated = self.path.parent / "property"
        written = int(stated.read_text().split(",")[0]) if stated.exists() else None
        ranged = None if header is None else int(header.labels[1] - header.labels[0])
        if written and ranged and written != ranged:
            raise ValueError(
                f"{stated} says {written} identities and {self.path} says {ranged}; "
                "pass the number of classes that is right."
            )
        return written or ranged

    def _counted(self) -> int:
        largest = -1.0
        for key, offset in zip(*self._index, strict=True):
            try:
                name = f"Record {key} of {self.path}"
                found = float(unpack(payload(self._map, int(offset), name), name).labels[0])
            except CorruptRecord:
                continue
            largest = max(largest, found if found.is_integer() else -1.0)
        return int(largest) + 1

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_map"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _map=_mapped(state["path"]))


def payload(data: mmap.mmap | bytes, offset: int, name: str) -> bytes:
    """The payload of the record at `offset`, put together from its parts.

    Raises CorruptRecord where it is cut off or its parts do not follow each other.
    """
    part = _part(data, offset, name)
    parts = [data[part.start : part.end]]
    wrong = part.flag not in {WHOLE, FIRST}
    while not wrong and part.flag not in {WHOLE, LAST}:
        part = _part(data, part.next, name)
        parts.append(data[part.start : part.end])
        wrong = part.flag not in {MIDDLE, LAST}
    if wrong:
        raise CorruptRecord(f"{name} has parts that do not belong together.")
    return MAGIC.join(parts)


def _part(data: mmap.mmap | bytes, offset: int, name: str) -> Part:
    """The part at `offset`; none of its content is touched."""
    if offset < 0 or data[offset : offset + 4] != MAGIC or len(data) < offset + 8:
        raise CorruptRecord(f"{name} does not begin with RecordIO's magic number.")
    [word] = WORD.unpack(data[offset + 4 : offset + 8])
    flag, length = word >> 29, word & (1 << 29) - 1
    end = offset + 8 + length
    if end > len(data):
        raise CorruptRecord(f"{name} is cut off by the end of the file.")
    return Part(flag, offset + 8, end, end + -length % 4)


def unpack(content: bytes, name: str) -> Record:
    """Takes a payload apart. Raises CorruptRecord where it is shorter than it says."""
    if len(content) < HEADER.size:
        raise CorruptRecord(f"{name} is too short to hold a label.")
    count, single, _, _ = HEADER.unpack_from(content)
    end = HEADER.size + 4 * count
    if len(content) < end:
        raise CorruptRecord(f"{name} is too short to hold its {count} labels.")
    several = np.frombuffer(content, "<f4", count, HEADER.size)
    return Record(several if count else np.array([single], np.float32), content[end:])


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ValueError(
                f"{path} is no RecordIO file: it does not begin with the magic number 0xced7230a."
            )
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    data.madvise(mmap.MADV_RANDOM)  # read-ahead would fetch ten times what a picture needs
    return data


def _index(path: Path, data: mmap.mmap) -> Index:
    written = path.with_suffix(".idx")
    if written.exists():
        numbers = _parsed(written)
    else:
        numbers = rebuilt(data)
        with suppress(OSError):  # a read-only data set is walked through every time
            write_whole(written, "".join(f"{key}\t{offset}\n" for key, offset in numbers.tolist()))
    numbers = numbers[np.argsort(numbers[:, 0], kind="stable")]
    return Index(np.ascontiguousarray(numbers[:, 0]), np.ascontiguousarray(numbers[:, 1]))


def _parsed(path: Path) -> NDArray[np.int64]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy only warns where the text stops being numbers
            return np.fromfile(path, np.int64, sep=" ").reshape(-1, 2)
    except (DeprecationWarning, ValueError):
        raise ValueError(
            f"{path} is not lines of `key offset`; delete it to have it rebuilt from the records."
        ) from None


def rebuilt(data: mmap.mmap | bytes) -> NDArray[np.int64]:
    """(n, 2) record numbers and offsets, found by walking through the file.

    A stretch that is no record counts as one, so that those behind it keep their numbers.
    """
    offsets, offset = [], 0
    while 0 <= offset < len(data):
        try:
            part = _part(data, offset, "")
        except CorruptRecord:
            part = Part(WHOLE, offset, offset, _next_magic(data, offset + 4))
        if part.flag in {WHOLE, FIRST}:
            offsets.append(offset)
        offset = part.next
    return np.stack([np.arange(len(offsets)), np.array(offsets)], axis=1).astype(np.int64)


def _next_magic(data: mmap.mmap | bytes, offset: int) -> int:
    while (offset := data.find(MAGIC, offset)) % 4 and offset >= 0:
        offset += 1
    return offset


def _header(data: mmap.mmap, index: Index) -> Record | None:
    """The record at key 0 if it is about the set and no picture, as the flag of it tells."""
    if not len(index.keys) or index.keys[0] != 0:
        return None
    try:
        record = unpack(
            payload(data, int(index.offsets[0]), "The first record"), "The first record"
        )
    except CorruptRecord:
        return None
    return record if record.is_header else None


def _pictures(index: Index, header: Record) -> Index:
    """The part of the index that is pictures: keys 1 to label[0] - 1."""
    chosen = (index.keys >= 1) & (index.keys < header.labels[0])
    return Index(index.keys[chosen], index.offsets[chosen])
