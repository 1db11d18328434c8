"""A disk as power loss sees it: what was synced is there, what was not may be, in part or torn."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Final, Literal, TypeAlias

from tests.faults.trace import Answer, Create, Event, Rename, Sync, Truncate, Unlink, Write

SECTOR: Final = 512  # what a disk writes whole
Mode: TypeAlias = Literal["none", "prefix", "torn"]
MODES: Final[tuple[Mode, ...]] = ("none", "prefix", "torn")
Image: TypeAlias = dict[str, bytes]  # a file's contents by its path
_Naming: TypeAlias = Create | Unlink | Rename


@dataclass(eq=False)
class _File:
    data: bytearray = field(default_factory=bytearray)

    def apply(self, change: Write | Truncate) -> None:
        size = change.size if isinstance(change, Truncate) else change.offset + len(change.data)
        self.data.extend(bytes(max(0, size - len(self.data))))
        if isinstance(change, Truncate):
            del self.data[size:]
        else:
            self.data[change.offset : size] = change.data


@dataclass(frozen=True, slots=True)
class _Pending:
    number: int  # of the event
    file: _File
    change: Write | Truncate | _Naming


@dataclass(frozen=True, slots=True)
class Cut:
    """The moment the power goes: the files that are left, and who had been answered before."""

    image: Image
    answered: frozenset[str]
    unsynced: int
    mode: Mode


class Platter:
    """The synced files, and the changes not yet synced in the order they were issued.

    As strict as POSIX lets a file system be: a new or renamed file has its name only once the
    directory is synced.
    """

    def __init__(self) -> None:
        self._names: dict[str, _File] = {}  # as the process sees them
        self._durable: dict[str, _File] = {}  # as they are on the disk
        self._pending: list[_Pending] = []

    @property
    def unsynced(self) -> int:
        return len(self._pending)

    def issue(self, number: int, event: Event) -> None:
        """Does event `number` of the trace; an answer changes nothing."""
        match event:
            case Sync():
                self._sync(event)
            case Create() | Unlink() | Rename() | Write() | Truncate():
                file = self._names.setdefault(event.path, _File())
                self._pending.append(_Pending(number, file, event))
                if isinstance(event, Create | Unlink | Rename):
                    _rename(self._names, event, file)

    def left(self, mode: Mode, dice: random.Random) -> Image:
        """The files after the power has gone: synced data, and of the rest what `mode` says."""
        names = dict(self._durable)
        copies = {each: _File(bytearray(each.data)) for each in self._files()}
        for each in _surviving(self._pending, mode, dice):
            if isinstance(each.change, Write | Truncate):
                copies[each.file].apply(each.change)
            else:
                _rename(names, each.change, each.file)
        return {path: bytes(copies[file].data) for path, file in names.items()}

    def _files(self) -> set[_File]:
        return {*self._durable.values(), *(each.file for each in self._pending)}

    def _sync(self, event: Sync) -> None:
        file = self._names.get(event.path)
        left: list[_Pending] = []
        for each in self._pending:
            if each.number >= event.since or not _covers(event, file, each):
                left.append(each)
            elif isinstance(each.change, Write | Truncate):
                each.file.apply(each.change)
            else:
                _rename(self._durable, each.change, each.file)
        self._pending = left


def cuts(events: Sequence[Event], count: int, dice: random.Random) -> Iterator[Cut]:
    """`count` cuts at random events; the mode is drawn, too."""
    platter = Platter()
    answered: set[str] = set()
    moments = sorted(dice.randrange(len(events)) for _ in range(count))
    for number, event in enumerate(events):
        platter.issue(number, event)
        if isinstance(event, Answer):
            answered.add(event.request_id)
        while moments and moments[0] == number:
            moments.pop(0)
            mode = dice.choice(MODES)
            yield Cut(platter.left(mode, dice), frozenset(answered), platter.unsynced, mode)


def _covers(sync: Sync, file: _File | None, each: _Pending) -> bool:
    if isinstance(each.change, Write | Truncate):
        return each.file is file
    return file is None and str(PurePath(each.change.path).parent) == sync.path


def _rename(names: dict[str, _File], change: _Naming, file: _File) -> None:
    match change:
        case Create():
            names[change.path] = file
        case Unlink():
            names.pop(change.path, None)
        case Rename():
            names.pop(change.path, None)
            names[change.to] = file


def _surviving(pending: Sequence[_Pending], mode: Mode, dice: random.Random) -> Iterator[_Pending]:
    """Names change in order, as journals make them; sectors reach the disk in any."""
    if mode == "none":
        return
    reached = dice.randint(0, len(pending))
    for n, each in enumerate(pending):
        if not isinstance(each.change, Write):
            if n < reached:
                yield each
        elif mode == "prefix":
            if n < reached:
                yield each
            elif n == reached:
                yield from _sectors(each, each.change, [dice.randint(0, 16)])
        elif dice.random() < 0.5:
            yield each
        else:
            yield from _sectors(each, each.change, [dice.randint(0, 16), dice.randint(0, 16)])


def _sectors(each: _Pending, write: Write, bounds: list[int]) -> Iterator[_Pending]:
    """The part of a write between two sectors; from its beginning with one bound."""
    first, last = sorted([*bounds, 0][:2])
    data = write.data[first * SECTOR : last * SECTOR]
    if data:
        yield replace(each, change=Write(write.path, write.offset + first * SECTOR, data))
