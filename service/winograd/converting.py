"""Converts a recognizer once and keeps the result in the data directory."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import onnx

from models.bundle import sha256
from service.durable import sync
from service.winograd.cutting import cut
from service.winograd.writing import Written, write

FORMAT = 1  # counted up when this package writes other files from the same graph
PLAN, HEAD, TAIL, PARTIAL = "plan.json", "head.onnx", "tail.onnx", "winograd.partial"


@dataclass(frozen=True, slots=True)
class Planned:
    """A branch of a conversion: the files' stem, and the tensors it begins and ends with."""

    stem: str
    start: str
    end: str
    blob: str  # ncnn's name of the end


@dataclass(frozen=True, slots=True)
class Conversion:
    """What `converted` wrote: a directory and the branches in it."""

    directory: Path
    branches: tuple[Planned, ...]


def installed() -> bool:
    """Whether the extra `winograd` is there."""
    return importlib.util.find_spec("ncnn") is not None


def converted(recognizer: Path, digest: str, engines: Path) -> Conversion:
    """The conversion of `recognizer`, whose sha256 is `digest`, kept below `engines`.

    Written on first use, and again where a file in it is not as it was written. It appears whole
    under its name or not at all; one process writes while another waits. Raises Unconvertible,
    and OSError where it cannot be written.
    """
    name = f"winograd-{digest[:32]}-ncnn-{metadata.version('ncnn')}-{FORMAT}"
    for directory in (engines.parent, engines):  # nobody else's business, whoever makes it first
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(engines):
        if (found := _whole(engines / name)) is None:
            _convert(recognizer, engines, name)
            found = _whole(engines / name)
    if found is None:
        raise OSError(f"{engines / name} does not hold what was written to it")
    return found


@contextmanager
def _alone(engines: Path) -> Iterator[None]:
    """No other process converts meanwhile; whatever is half written here was left by a killed one."""
    with (engines / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(engines / PARTIAL, ignore_errors=True)
        yield


def _whole(directory: Path) -> Conversion | None:
    """The conversion in `directory`; None where a file is missing, or not as it was written."""
    try:
        plan = json.loads((directory / PLAN).read_text())
        sums = {name: sha256(directory / name) for name in plan["files"]}
        branches = tuple(Planned(**each) for each in plan["branches"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Conversion(directory, branches) if sums == plan["files"] else None


def _convert(recognizer: Path, engines: Path, name: str) -> None:
    partial, final = engines / PARTIAL, engines / name
    parts = cut(onnx.load(str(recognizer)))
    written: dict[Written, str] = {}
    branches = []
    for branch in parts.branches:
        made = write(branch, parts.constants)
        stem = written.setdefault(made, str(len(written)))
        branches.append({"stem": stem, "start": branch.start, "end": branch.end, "blob": made.end})
    partial.mkdir(mode=0o700)
    try:
        onnx.save(parts.head, str(partial / HEAD))
        onnx.save(parts.tail, str(partial / TAIL))
        for made, stem in written.items():
            (partial / f"{stem}.param").write_text(made.param)
            (partial / f"{stem}.bin").write_bytes(made.bin)
        sums = {path.name: sha256(path) for path in sorted(partial.iterdir())}
        (partial / PLAN).write_text(json.dumps({"branches": branches, "files": sums}))
        for path in (*partial.iterdir(), partial):
            sync(path)
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
