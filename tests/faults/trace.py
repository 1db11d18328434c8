"""What a process told the kernel to do to its files, and when it answered, out of strace's words."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

CALLS: Final = (
    "openat,close,lseek,pwrite64,write,writev,sendto,sendmsg,ftruncate,fsync,fdatasync,"
    "unlink,unlinkat,rename,renameat,renameat2"
)
_LINE: Final = re.compile(
    r"^(\d+) +(\w+)\((.*?)(\)\s*= (-?\d+).*| <unfinished \.\.\.>)$", re.DOTALL
)
_RESUMED: Final = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)\)\s*= (-?\d+)(.*)$")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE: Final = re.compile(r"^(\d+)<((?:\\x[0-9a-f]{2})+)>")
_OPENED: Final = re.compile(r"<((?:\\x[0-9a-f]{2})+)>")
_ANSWER: Final = re.compile(
    rb"^HTTP/1\.1 2\d\d .*?\r\nx-request-id: ([^\r]+)\r\n", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Write:
    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file's data, or a directory's names, are on the disk: what was issued before `since`."""

    path: str
    since: int  # how many events came before the call was entered


@dataclass(frozen=True, slots=True)
class Create:
    path: str


@dataclass(frozen=True, slots=True)
class Unlink:
    path: str


@dataclass(frozen=True, slots=True)
class Rename:
    path: str
    to: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx left the process."""

    request_id: str


Event: TypeAlias = Write | Truncate | Sync | Create | Unlink | Rename | Answer


def strace(output: Path) -> list[str]:
    """The command that records; to be put before the command to record. Raises SystemExit."""
    if shutil.which("strace") is None:
        raise SystemExit("The power bar needs strace: apt-get update && apt-get install -y strace")
    return ["strace", "-f", "-y", "-xx", "-s", "9000000", "-e", f"trace={CALLS}", "-o", str(output)]


def read(lines: Iterable[str], directory: Path) -> list[Event]:
    """The events in `directory` and the answers, in the order they were issued."""
    reader = _Reader(str(directory))
    for line in lines:
        reader.events += reader.read(line.rstrip("\n"))
    return reader.events


class _Reader:
    """Joins interrupted lines and knows where each descriptor writes next."""

    def __init__(self, directory: str) -> None:
        self.events: list[Event] = []
        self._directory = directory
        self._unfinished: dict[str, tuple[str, int]] = {}
        self._positions: dict[str, int] = {}
        self._sizes: dict[str, int] = {}

    def read(self, line: str) -> Iterator[Event]:
        if resumed := _RESUMED.match(line):
            pid, name, rest, value, tail = resumed.groups()
            arguments, since = self._unfinished.pop(pid, ("", len(self.events)))
            yield from self._finished(name, arguments + rest, int(value), tail, since)
        elif found := _LINE.match(line):
            pid, name, arguments, end, value = found.groups()
            if value is None:
                self._unfinished[pid] = (arguments, len(self.events))
                # An answer may reach the client as soon as the call is entered.
                yield from self._answer(name, arguments)
            else:
                yield from self._answer(name, arguments)
                yield from self._finished(name, arguments, int(value), end, len(self.events))

    def _answer(self, name: str, arguments: str) -> Iterator[Event]:
        if name in {"write", "writev", "sendto", "sendmsg"}:
            sent = b"".join(_bytes(text) for text in _TEXT.findall(arguments))
            if answer := _ANSWER.match(sent):
                yield Answer(answer[1].decode())

    def _finished(
        self, name: str, arguments: str, value: int, tail: str, since: int
    ) -> Iterator[Event]:
        if value < 0:
            return
        match name:
            case "openat":
                yield from self._opened(arguments, value, tail)
            case "rename" | "renameat" | "renameat2" | "unlink" | "unlinkat":
                yield from self._named([_bytes(t).decode() for t in _TEXT.findall(arguments)])
            case _:
                yield from self._on_file(name, arguments, value, since)

    def _opened(self, arguments: str, descriptor: int, tail: str) -> Iterator[Event]:
        if not (found := _OPENED.search(tail)):
            return
        path = _bytes(found[1]).decode()
        if not self._ours(path):
            return
        if "O_CREAT" in arguments and path not in self._sizes:
            yield Create(path)
        if "O_TRUNC" in arguments:
            self._sizes[path] = 0
            yield Truncate(path, 0)
        size = self._sizes.setdefault(path, 0)
        self._positions[f"{descriptor}"] = size if "O_APPEND" in arguments else 0

    def _named(self, paths: list[str]) -> Iterator[Event]:
        if not self._ours(paths[0]):
            return
        size = self._sizes.pop(paths[0], 0)
        if len(paths) == 1:
            yield Unlink(paths[0])
        else:
            self._sizes[paths[1]] = size
            yield Rename(*paths)

    def _on_file(self, name: str, arguments: str, value: int, since: int) -> Iterator[Event]:
        if not (found := _FILE.match(arguments)):
            return
        descriptor, path = found[1], _bytes(found[2]).decode()
        if not self._ours(path):
            return
        match name:
            case "lseek":
                self._positions[descriptor] = value
            case "pwrite64":
                yield self._write(path, int(arguments.rpartition(", ")[2]), arguments, value)
            case "write" | "writev":
                offset = self._positions.get(descriptor, 0)
                self._positions[descriptor] = offset + value
                yield self._write(path, offset, arguments, value)
            case "ftruncate":
                self._sizes[path] = int(arguments.rpartition(", ")[2])
                yield Truncate(path, self._sizes[path])
            case "fsync" | "fdatasync":
                yield Sync(path, since)

    def _write(self, path: str, offset: int, arguments: str, written: int) -> Write:
        data = b"".join(_bytes(text) for text in _TEXT.findall(arguments))[:written]
        self._sizes[path] = max(self._sizes.get(path, 0), offset + len(data))
        return Write(path, offset, data)

    def _ours(self, path: str) -> bool:
        """The shared memory of the write-ahead log is rebuilt at every start and never synced."""
        inside = path == self._directory or path.startswith(self._directory + "/")
        return inside and not path.endswith("-shm")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
