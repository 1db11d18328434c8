"""An index in one encrypted file: what a start reads instead of the truth, or refuses.

A header of 44 bytes (magic, version, dimension, revision, count, salt), then parts sealed with
AES-256-GCM: the projection, and the rows, templates and sketches of 2,048 slots at a time. The
key is derived from the caller's and the whole header, a part's nonce is its number, and the
length is known from the header: a change anywhere, a missing or an exchanged part and another
key all fail before a value is used.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from io import BufferedReader
from pathlib import Path
from struct import Struct
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.durable import sync
from service.gallery import killpoints
from service.gallery.index.scan import SKETCH_BYTES, Sketches, projection
from service.gallery.protocol import Vectors
from service.gallery.templates import FLOAT, Rows

_HEADER: Final = Struct("<8sIIQQ16s")
_MAGIC: Final = b"adafaceX"
_VERSION: Final = 1
_ROW: Final = np.dtype("<i8")
_SLOTS: Final = 2048  # 4 MB at 512 values, copied in half a millisecond while changes wait
_TAG: Final = 16
_MOST_VALUES: Final = (
    1 << 16
)  # of a template: a flipped bit must not ask for the memory of millions


class SnapshotRefused(Exception):
    """The file is missing, damaged, of another version or dimension, or not of this key."""


@dataclass(frozen=True, slots=True)
class Header:
    dimension: int
    revision: int
    count: int  # rows
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def spans(self) -> Iterator[tuple[int, int]]:
        """The first slot of each part, and the one behind its last."""
        for start in range(0, self.count, _SLOTS):
            yield start, min(start + _SLOTS, self.count)

    @property
    def lengths(self) -> Iterator[int]:
        """Bytes of each part before sealing."""
        yield projection(self.dimension).nbytes
        for start, end in self.spans:
            yield (end - start) * _slot(self.dimension)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        parts = 1 + -(-self.count // _SLOTS)
        clear = projection(self.dimension).nbytes + self.count * _slot(self.dimension)
        return _HEADER.size + clear + parts * _TAG

    def packed(self) -> bytes:
        return _HEADER.pack(_MAGIC, _VERSION, self.dimension, self.revision, self.count, self.salt)

    @classmethod
    def unpacked(cls, raw: bytes) -> Header:
        if len(raw) != _HEADER.size:
            raise SnapshotRefused("it is shorter than a header")
        magic, version, dimension, revision, count, salt = _HEADER.unpack(raw)
        if (magic, version) != (_MAGIC, _VERSION):
            raise SnapshotRefused("it is not a snapshot of this version")
        return cls(dimension, revision, count, salt)


def write(path: Path, header: Header, key: bytes, parts: Iterable[bytes]) -> None:
    """Writes all of it or nothing: beside `path`, to the disk, then in its place. Raises OSError."""
    beside = path.with_name(path.name + ".tmp")
    try:
        with beside.open("wb") as file:
            cipher = _cipher(header, key)
            file.write(header.packed())
            for number, part in enumerate(parts):
                file.write(cipher.encrypt(_nonce(number), part, None))
                killpoints.reached(killpoints.DURING_SNAPSHOT)
            file.flush()
            os.fsync(file.fileno())
        killpoints.reached(killpoints.BEFORE_RENAME)
        beside.replace(path)
        killpoints.reached(killpoints.AFTER_RENAME)
    finally:
        beside.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def reading(
    path: Path, key: bytes, dimension: int
) -> Iterator[tuple[Header, Iterator[memoryview]]]:
    """The header and the authenticated parts; a part is valid until the next is asked for.

    Raises SnapshotRefused, then or while the parts are read.
    """
    try:
        with path.open("rb") as file:
            header = Header.unpacked(file.read(_HEADER.size))
            if header.dimension != dimension:
                raise SnapshotRefused(f"its templates have not {dimension} values")
            if os.fstat(file.fileno()).st_size != header.size:
                raise SnapshotRefused("it has not the length its header tells")
            yield header, _opened(file, _cipher(header, key), header)
    except OSError as error:
        raise SnapshotRefused(f"it cannot be read: {error}") from error


def check(path: Path, key: bytes) -> Header:
    """The header of a snapshot that was read to its end. Raises SnapshotRefused."""
    try:
        with path.open("rb") as file:
            dimension = Header.unpacked(file.read(_HEADER.size)).dimension
    except OSError as error:
        raise SnapshotRefused(f"it cannot be read: {error}") from error
    if not 0 < dimension <= _MOST_VALUES:
        raise SnapshotRefused(f"its templates cannot have {dimension} values")
    with reading(path, key, dimension) as (header, parts):
        for _ in parts:
            continue
    return header


def packed(rows: Rows, vectors: Vectors, sketches: Sketches) -> bytes:
    return b"".join(
        (rows.astype(_ROW).tobytes(), vectors.astype(FLOAT).tobytes(), sketches.tobytes())
    )


def unpacked(part: memoryview, dimension: int) -> tuple[Rows, Vectors, Sketches]:
    """Views of what `packed` joined."""
    count = len(part) // _slot(dimension)
    vectors, sketches = _ROW.itemsize * count, len(part) - SKETCH_BYTES * count
    return (
        np.frombuffer(part[:vectors], _ROW),
        np.frombuffer(part[vectors:sketches], FLOAT).reshape(count, dimension),
        np.frombuffer(part[sketches:], np.uint8).reshape(count, SKETCH_BYTES),
    )


def directions(part: memoryview, dimension: int) -> Vectors:
    """The projection the sketches were made with, which another NumPy might draw differently."""
    return np.frombuffer(part, FLOAT).reshape(dimension, -1).copy()


def _opened(file: BufferedReader, cipher: AESGCM, header: Header) -> Iterator[memoryview]:
    largest = max(next(header.lengths), _SLOTS * _slot(header.dimension))
    sealed, clear = memoryview(bytearray(largest + _TAG)), memoryview(bytearray(largest))
    for number, length in enumerate(header.lengths):
        part = sealed[: length + _TAG]
        if file.readinto(part) != len(part):
            raise SnapshotRefused("it ends too early")
        try:
            cipher.decrypt_into(_nonce(number), part, None, clear[:length])
        except InvalidTag as error:
            raise SnapshotRefused("it is damaged, or of another key") from error
        yield clear[:length]


def _slot(dimension: int) -> int:
    """Bytes of a slot's row, template and sketch."""
    return _ROW.itemsize + FLOAT.itemsize * dimension + SKETCH_BYTES


def _cipher(header: Header, key: bytes) -> AESGCM:
    """Of a key that belongs to this header alone, so that numbers can be nonces."""
    if len(key) != 32:
        raise ValueError(f"the key of a snapshot has 32 bytes, not {len(key)}")
    return AESGCM(blake2b(header.packed(), key=key, digest_size=32).digest())


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
