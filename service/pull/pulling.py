"""An entry of the catalogue as files on this disk, known or recorded by their sums."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models.bundle import sha256
from models.catalogue import Detector, File, Recognizer
from service.errors import PullFailed
from service.pull import hub, offline
from service.pull.download import Progress, Remote, checked, fetch
from service.pull.recorded import Record, Recorded

GITHUB = "https://github.com"
# What zipfile raises for an archive that is damaged, locked, or packed in a way it does not know.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
Watch = Callable[[str], Progress]  # a progress of its own for each file


@dataclass(frozen=True, slots=True)
class Where:
    """Where files come from, `brought` from this disk, and where they are put.

    `folder` keeps what was fetched until the bundle is made, so that nothing is fetched twice.
    """

    folder: Path
    recorded: Recorded
    brought: Path | None = None
    endpoint: str | None = None
    github: str = GITHUB


@dataclass(frozen=True, slots=True)
class Pulled:
    """The file to go on with, and what is recorded of it."""

    name: str
    file: Path
    record: Record


def pull(entry: Recognizer | Detector, where: Where, watch: Watch) -> Pulled:
    """The weights of a recognizer with its config.json beside them, or a detector's network.

    Raises PullFailed with what to do; OSError where the disk does not take it.
    """
    if isinstance(entry, Detector):
        return _detector(entry, where, watch)
    if where.brought is not None:
        return _brought_recognizer(entry, where.brought, where.recorded)
    return _recognizer(entry, where, watch)


def _recognizer(entry: Recognizer, where: Where, watch: Watch) -> Pulled:
    folder, sums, commit = where.folder / entry.name, {}, entry.revision
    for file in entry.files:
        remote, commit = hub.locate(entry, file, where.endpoint)
        sums[file.path] = fetch(remote, folder / file.path, watch(file.path))
        _refuse_other(where.recorded, entry.name, file, sums[file.path], folder)
    source = f"{entry.repository}, on the Hugging Face hub"
    record = Record(source=source, revision=commit, files=sums)
    return Pulled(entry.name, folder / entry.weights[0].path, record)


def _brought_recognizer(entry: Recognizer, given: Path, recorded: Recorded) -> Pulled:
    file, path = offline.brought(entry.weights, given)
    sums = {file.path: _known(file, path, entry.name, recorded)}
    return Pulled(entry.name, path, Record(source=_carried(path), files=sums))


def _carried(path: Path) -> str:
    return f"{path.name}, brought along"


def _detector(entry: Detector, where: Where, watch: Watch) -> Pulled:
    if where.brought is None:
        pack, source, sums = _pack(entry, where, watch)
    else:
        file, pack = offline.brought((entry.member, entry.pack), where.brought)
        source, sums = _carried(pack), {file.path: _known(file, pack, entry.name, where.recorded)}
        if file == entry.member:
            return Pulled(entry.name, pack, Record(source=source, files=sums))
    folder = where.folder / entry.name
    network = folder / entry.member.name
    sums[entry.member.path] = found = _extracted(pack, entry.member, network)
    _refuse_other(where.recorded, entry.name, entry.member, found, folder)
    return Pulled(entry.name, network, Record(source=source, files=sums))


def _pack(entry: Detector, where: Where, watch: Watch) -> tuple[Path, str, dict[str, str]]:
    """The archive, where it is from, and its sum."""
    file, folder = entry.pack, where.folder / entry.name
    source = f"{where.github}/{file.path}"
    remote = Remote(source, file.sha256 or source, file.size, file.sha256)
    found = fetch(remote, folder / file.name, watch(file.name))
    _refuse_other(where.recorded, entry.name, file, found, folder)
    return folder / file.name, source, {file.path: found}


def _known(file: File, path: Path, name: str, recorded: Recorded) -> str:
    """The sum of a file that stays where it is, whatever it is."""
    found = sha256(path)
    if file.sha256 not in {None, found}:
        raise PullFailed(
            f"{path} is not {file.path} of {name}: its sha256 is {found[:12]}..., "
            f"{str(file.sha256)[:12]}... is expected; fetch it again."
        )
    recorded.refuse_other(name, file.path, found)
    return found


def _refuse_other(recorded: Recorded, name: str, file: File, found: str, folder: Path) -> None:
    """Raises PullFailed where a download is not what it was the first time, and deletes it."""
    try:
        recorded.refuse_other(name, file.path, found)
    except PullFailed:
        shutil.rmtree(folder)
        raise


def _extracted(pack: Path, member: File, to: Path) -> str:
    """The one file of a pack that is needed; its sha256."""
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(pack) as archive:
            held = {PurePosixPath(name).name: name for name in archive.namelist()}
            if member.name not in held:
                raise PullFailed(f"{pack} has no {member.name}; it is another pack.")
            with archive.open(held[member.name]) as packed, to.open("wb") as file:
                shutil.copyfileobj(packed, file)
    except UNREADABLE as error:
        raise PullFailed(
            f"{pack} is no zip archive that can be read ({error}); fetch it again."
        ) from error
    return checked(to, member.sha256, f"{member.name} in {pack.name}")
