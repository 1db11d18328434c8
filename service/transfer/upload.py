"""A whole export from a directory into the running service, part by part, in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from service.errors import TransferFailed, UnusablePart
from service.gallery import Clash, Part
from service.transfer import files, parts
from service.transfer.archive import Archive
from service.transfer.remote import Refused, Remote

Advance = Callable[[int], object]  # by so many persons
MOST = 1 << 33  # bytes that a part with the right sum may inflate to


@dataclass(slots=True)
class Upload:
    """What became of the persons; `earlier` are those of parts that a run before this one sent."""

    created: int = 0
    unchanged: int = 0
    replaced: int = 0
    earlier: int = 0
    conflicts: list[str] = field(default_factory=list)

    def add(self, answer: dict[str, Any]) -> None:
        self.created += answer["created"]
        self.unchanged += answer["unchanged"]
        self.replaced += answer["replaced"]
        self.conflicts += answer["conflicts"]


async def upload(
    remote: Remote, archive: Archive, collection: str, clash: Clash, advance: Advance
) -> Upload:
    """Skips what a stopped run before this one sent. Raises TransferFailed."""
    told = Upload()
    sent = Sent.opened(archive.directory, remote.url, collection)
    for number, entry in enumerate(archive.manifest.parts, 1):
        content = archive.content(number)
        try:
            part = parts.read(content, MOST)
        except UnusablePart as error:
            raise TransferFailed(f"{archive.directory / entry.name}: {error}") from error
        if await sent.is_there(remote, entry.sha256, part):
            told.earlier += entry.persons
        else:
            told.add(await _send(remote, collection, clash, entry.name, content))
            sent.add(entry.sha256)
        advance(entry.persons)
    sent.close()
    return told


async def _send(
    remote: Remote, collection: str, clash: Clash, name: str, content: bytes
) -> dict[str, Any]:
    try:
        answer = await remote(
            "POST",
            f"/collections/{collection}/import",
            params={"on_conflict": clash},
            content=content,
            headers={"Content-Type": parts.MEDIA_TYPE},
        )
    except Refused as error:
        if error.slug != "body-too-large":
            raise
        raise TransferFailed(
            f"{name} has {len(content)} bytes, more than the service takes; start it with"
            f" FACE_MAX_BODY_BYTES={2 * len(content)} and run the same command again."
        ) from error
    return dict(answer.json())


@dataclass(slots=True)
class Sent:
    """Which parts the service acknowledged, kept beside them until all are.

    After that there is nothing to resume, and an import starts with the first part again.
    """

    path: Path
    collection: str
    known: set[str]

    @classmethod
    def opened(cls, directory: Path, url: str, collection: str) -> Sent:
        target = sha256(json.dumps([url, collection]).encode()).hexdigest()[:12]
        path = directory / f"import-{target}.journal"
        return cls(
            path, collection, {line.decode("ascii", "replace") for line in files.lines(path)}
        )

    async def is_there(self, remote: Remote, checksum: str, part: Part) -> bool:
        """Whether it was acknowledged, and not by a gallery that has been wiped since."""
        if checksum not in self.known:
            return False
        last = part.enrolled[-1].person.id if part.enrolled else None
        try:
            await remote(
                "GET", f"/collections/{self.collection}" + (f"/persons/{last}" if last else "")
            )
        except Refused as error:
            return error.status != 404  # damaged, it is there nevertheless
        return True

    def add(self, checksum: str) -> None:
        with suppress(OSError):  # a read-only medium: the next run sends it again, for nothing
            files.append(self.path, checksum.encode())

    def close(self) -> None:
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
