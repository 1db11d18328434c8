"""Turns back a flipped bit in the write-ahead log, before SQLite would drop all that follows it.

SQLite ends the log at the first frame whose checksum is wrong: right for a torn write, but for a
bit that rotted it silently undoes every later commit. The checksum is linear modulo 2^32, so it
also tells which bit it was. Format: sqlite.org/fileformat2, section 4.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Words = NDArray[np.uint32]
_HEADER, _FRAME = 32, 24  # bytes of the log's header and of a frame's
_MAGIC: Final = {0x377F0682: "<u4", 0x377F0683: ">u4"}  # the byte order that sums are made in
_VERSION: Final = 3007000


class _Patch(NamedTuple):
    """Bytes to write at an offset of the log."""

    offset: int
    data: bytes


_NOTHING: Final = _Patch(0, b"")


class _Sum:
    """SQLite's checksum of `count` 32-bit words, as the linear map it is."""

    def __init__(self, count: int) -> None:
        step, carry = np.array([[1, 1], [1, 2]], np.uint32), np.eye(2, dtype=np.uint32)
        weights = np.empty((2, count), np.uint32)
        for first in range(count - 2, -1, -2):
            weights[:, first] = carry @ np.array([1, 1], np.uint32)
            weights[:, first + 1] = carry @ np.array([0, 1], np.uint32)
            carry = carry @ step
        self._weights, self._carry = weights, carry

    def __call__(self, seed: Words, words: Words) -> Words:
        """The (2,) sum of the words after those that gave `seed`."""
        total: Words = self._carry @ seed + self._weights @ words
        return total

    def flipped(self, words: Words, excess: Words) -> list[tuple[int, int]]:
        """Each word, and its value before one bit of it was flipped, that explains an excess."""
        bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
        was_clear = (words[:, np.newaxis] & bits) != 0  # the flip set it, so it added
        change = np.where(was_clear, bits, np.uint32(0) - bits)
        fits = np.all(self._weights[:, :, np.newaxis] * change == excess[:, None, None], axis=0)
        return [(int(word), int(words[word] ^ bits[bit])) for word, bit in np.argwhere(fits)]


_sum = lru_cache(_Sum)


def mend(log: Path) -> None:
    """Corrects single flipped bits of the log `log`, which no process has open; others are left.

    A torn or half-written frame is not one bit off and stays what it is: the end of the log.
    """
    if not log.exists():
        return
    data = bytearray(log.read_bytes())
    patches = [patch for patch in _patches(data) if patch.data]
    if patches:
        logger.error("a bit had flipped in %s near byte %d; check the disk", log, patches[0].offset)
        for patch in patches:
            _apply(patch, data)
        _replace(log, data)


def _replace(log: Path, data: bytearray) -> None:
    """Whole or not at all: half of the sums made anew would end the log in the middle."""
    beside = log.with_name(f"{log.name}.mended")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(log)


def _patches(data: bytearray) -> Iterator[_Patch]:
    """What to write, in order; some patches are empty."""
    openings = list(_openings(data))
    certain = [(patch, log) for patch, log in openings if log.begins()]
    for patch, log in (certain or openings)[:1]:
        yield patch
        yield from log.patches()


def _openings(data: bytearray) -> Iterator[tuple[_Patch, _Log]]:
    """What the log's header may need to be one, and the log with it."""
    zero = np.zeros(2, np.uint32)
    for magic, order in _MAGIC.items() if len(data) >= _HEADER else ():
        header = _Part(data, [(0, 24)], 24, order)
        for patch in [_NOTHING] if header.fits(zero) else header.corrections(zero):
            mended = bytearray(data)
            _apply(patch, mended)
            page = int.from_bytes(mended[8:12], "big")
            told = magic.to_bytes(4, "big") + _VERSION.to_bytes(4, "big")
            if mended[:8] == told and 512 <= page <= 65536:
                yield patch, _Log(mended, page, order)


class _Part(NamedTuple):
    """Bytes of the log with a sum over them, stored at `at`."""

    data: bytearray
    spans: list[tuple[int, int]]  # offset and length
    at: int
    order: str

    def fits(self, seed: Words) -> bool:
        return np.array_equal(self.sum(seed), self.stored())

    def sum(self, seed: Words) -> Words:
        words = self._words()
        return _sum(len(words))(seed, words)

    def corrections(self, seed: Words) -> list[_Patch]:
        """The single bits that may have been flipped: of the stored sum, or of a word."""
        words, made = self._words(), self.sum(seed)
        right = made.astype(">u4").tobytes()
        offsets = [n for start, size in self.spans for n in range(start, start + size, 4)]
        found = [
            _Patch(offsets[word], np.array(value, self.order).tobytes())
            for word, value in _sum(len(words)).flipped(words, made - self.stored())
        ]
        if _distance(right, bytes(self.data[self.at : self.at + 8])) == 1:
            found.insert(0, _Patch(self.at, right))
        return found

    def stored(self) -> Words:
        return np.frombuffer(bytes(self.data[self.at : self.at + 8]), ">u4").astype(np.uint32)

    def _words(self) -> Words:
        joined = b"".join(self.data[start : start + size] for start, size in self.spans)
        return np.frombuffer(joined, self.order).astype(np.uint32)


class _Log(NamedTuple):
    """A log whose header is in order."""

    data: bytearray
    page: int
    order: str

    def begins(self) -> bool:
        """Whether the first frame is one of this log."""
        salted = self.data[_HEADER + 8 : _HEADER + 16] == self.data[16:24]
        whole = len(self.data) >= _HEADER + _FRAME + self.page
        return whole and salted and self._frame(_HEADER).fits(self._first())

    def patches(self) -> Iterator[_Patch]:
        """What the frames need up to the first that is none of this log; they are corrected."""
        told = given = self._first()  # what the next frame was summed after, and is from now on
        for start in range(_HEADER, len(self.data) - _FRAME - self.page + 1, _FRAME + self.page):
            frame = self._frame(start)
            if (patch := self._mended(frame, start, told)) is None:
                return
            _apply(patch, self.data)
            yield patch
            told, given = frame.stored(), frame.sum(given)
            if not np.array_equal(told, given):
                again = _Patch(frame.at, given.astype(">u4").tobytes())
                _apply(again, self.data)
                yield again

    def _mended(self, frame: _Part, start: int, seed: Words) -> _Patch | None:
        """What the frame at `start` needs; None if it is no frame of this log."""
        salts = bytes(self.data[16:24])
        salted = _distance(bytes(self.data[start + 8 : start + 16]), salts)
        if frame.fits(seed):
            return (_NOTHING, _Patch(start + 8, salts))[salted] if salted <= 1 else None
        if salted or not (candidates := frame.corrections(seed)):
            return None
        words = [patch for patch in candidates if patch.offset != frame.at]
        # A flip in the last word looks like one in the stored sum; the next frame tells them apart.
        if len(words) < len(candidates) and not self._leads_on(start, frame.stored()):
            return candidates[0]
        # The upper bits of many words weigh the same (Fibonacci numbers repeat modulo 2^9). Then
        # the frame stays as it is under a new sum, like a page in the file: its rows are sealed.
        return words[0] if len(words) == 1 else _NOTHING

    def _leads_on(self, start: int, seed: Words) -> bool:
        """Whether the frame behind the one at `start` fits after that sum."""
        after = start + _FRAME + self.page
        whole = after + _FRAME + self.page <= len(self.data)
        return whole and self._frame(after).fits(seed)

    def _frame(self, start: int) -> _Part:
        spans = [(start, 8), (start + _FRAME, self.page)]
        return _Part(self.data, spans, start + 16, self.order)

    def _first(self) -> Words:
        return np.frombuffer(bytes(self.data[24:32]), ">u4").astype(np.uint32)


def _apply(patch: _Patch, data: bytearray) -> None:
    data[patch.offset : patch.offset + len(patch.data)] = patch.data


def _distance(one: bytes, other: bytes) -> int:
    """How many bits differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
