"""An export on the disk: its parts, and the manifest that says that they are all there."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Self, TypeAlias

from service.errors import TransferFailed
from service.gallery import Part
from service.schemas import Encryption, ExportHead, Manifest, PartEntry
from service.transfer import files, parts
from service.transfer.encoding import encoded
from service.transfer.encryption import Lock

MANIFEST: Final = "manifest.json"
JOURNAL: Final = "export.journal"  # of an export that is not whole yet: its head, then its parts
Ask: TypeAlias = Callable[[], str]  # for the passphrase


@dataclass(slots=True)
class Draft:
    """An export that is being written; who opens it again goes on after the last whole part."""

    directory: Path
    head: ExportHead
    lock: Lock | None
    entries: list[PartEntry]

    @classmethod
    def opened(cls, directory: Path, collection: str, bundle: str, passphrase: str | None) -> Self:
        """Begun anew in an empty directory, or resumed; in the clear without a passphrase.

        Raises TransferFailed where the directory holds something else.
        """
        journal = directory / JOURNAL
        if (directory / MANIFEST).exists():
            raise TransferFailed(f"{directory} holds a whole export; give another directory.")
        if head := files.lines(journal)[:1]:
            return cls._resumed(directory, files.parsed(ExportHead, head[0], journal), passphrase)
        if directory.exists() and any(each.name != JOURNAL for each in directory.iterdir()):
            raise TransferFailed(f"{directory} is not empty; give another directory.")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = _begun(collection, bundle, encrypted=passphrase is not None)
        lock = _lock(begun, passphrase)
        files.place(journal, encoded(begun) + b"\n")
        return cls(directory, begun, lock, [])

    @classmethod
    def _resumed(cls, directory: Path, head: ExportHead, passphrase: str | None) -> Self:
        if (passphrase is None) != (head.encryption is None):
            how = "in the clear" if head.encryption is None else "encrypted"
            raise TransferFailed(f"The export in {directory} was begun {how}; go on with it so.")
        journal = directory / JOURNAL
        found = [files.parsed(PartEntry, line, journal) for line in files.lines(journal)[1:]]
        draft = cls(directory, head, _lock(head, passphrase), [])
        for entry in found:
            if files.checksum(directory / entry.name) != entry.sha256:
                break
            draft.entries.append(entry)
        if draft.entries:
            draft.content(len(draft.entries))  # or the passphrase is another
        known = [head, *draft.entries]
        files.place(journal, b"".join(encoded(each) + b"\n" for each in known))
        return draft

    @property
    def is_complete(self) -> bool:
        return bool(self.entries) and self.entries[-1].next is None

    @property
    def cursor(self) -> str | None:
        return self.entries[-1].next if self.entries else None

    def add(self, content: bytes, part: Part) -> None:
        """Keeps the next part, whole and on the disk when this returns."""
        number = len(self.entries) + 1
        kept = content if self.lock is None else self.lock.close(number, content)
        entry = PartEntry(
            name=name(number, encrypted=self.lock is not None),
            size=len(kept),
            sha256=sha256(kept).hexdigest(),
            persons=len(part.enrolled),
            faces=sum(len(each.faces) for each in part.enrolled),
            dimension=parts.dimension(part),
            damaged=list(part.damaged),
            next=part.next,
        )
        files.place(self.directory / entry.name, kept)
        files.append(self.directory / JOURNAL, encoded(entry))
        self.entries.append(entry)

    def content(self, number: int) -> bytes:
        """The part as it came from the service."""
        kept = (self.directory / self.entries[number - 1].name).read_bytes()
        return kept if self.lock is None else self.lock.open(number, kept)

    def finish(self) -> Manifest:
        """Writes the manifest, by which the export is whole."""
        last = parts.read(self.content(len(self.entries)), most=1 << 40)
        manifest = Manifest(
            **self.head.model_dump(),
            finished_at=datetime.now(UTC),
            words=parts.words(last.collection) if self.lock is None else None,
            dimension=max(each.dimension for each in self.entries),
            persons=sum(each.persons for each in self.entries),
            faces=sum(each.faces for each in self.entries),
            parts=self.entries,
            digest="0" * 64,
        )
        signed = manifest.model_copy(update={"digest": _digest(manifest, self.lock)})
        files.place(self.directory / MANIFEST, encoded(signed, indent=1) + b"\n")
        (self.directory / JOURNAL).unlink()
        return signed


@dataclass(frozen=True, slots=True)
class Archive:
    """A whole export."""

    directory: Path
    manifest: Manifest
    lock: Lock | None

    @classmethod
    def opened(cls, directory: Path, ask: Ask) -> Self:
        """Raises TransferFailed: no whole export, a changed manifest, or another passphrase."""
        path = directory / MANIFEST
        if not path.exists():
            if (directory / JOURNAL).exists():
                raise TransferFailed(
                    f"The export in {directory} is not whole; run 'adaface export' again to finish it."
                )
            raise TransferFailed(f"{directory} holds no export: there is no {MANIFEST} in it.")
        manifest = files.parsed(Manifest, path.read_bytes(), path)
        lock = _lock(manifest, None if manifest.encryption is None else ask())
        if not hmac.compare_digest(_digest(manifest, lock), manifest.digest):
            other = "" if lock is None else " or the passphrase is another"
            raise TransferFailed(f"{path} was changed{other}; nothing was imported.")
        return cls(directory, manifest, lock)

    def check(self, advance: Callable[[int], object]) -> None:
        """Reads every part once. Raises TransferFailed for one that is missing or changed."""
        for number, entry in enumerate(self.manifest.parts, 1):
            path = self.directory / entry.name
            wanted = name(number, encrypted=self.lock is not None)
            if entry.name != wanted or files.checksum(path) != entry.sha256:
                raise TransferFailed(f"{path} is missing or was changed; nothing was imported.")
            advance(entry.persons)

    def content(self, number: int) -> bytes:
        """A part as it came from the service. Raises TransferFailed."""
        entry = self.manifest.parts[number - 1]
        kept = (self.directory / entry.name).read_bytes()
        if sha256(kept).hexdigest() != entry.sha256:
            raise TransferFailed(f"{self.directory / entry.name} was changed.")
        return kept if self.lock is None else self.lock.open(number, kept)


def name(number: int, *, encrypted: bool) -> str:
    return f"part-{number:05d}.{'sealed' if encrypted else 'zip'}"


def _begun(collection: str, bundle: str, *, encrypted: bool) -> ExportHead:
    return ExportHead(
        id=secrets.token_hex(16),
        collection=collection,
        bundle=bundle,
        started_at=datetime.now(UTC),
        encryption=Encryption(salt=secrets.token_hex(16)) if encrypted else None,
    )


def _lock(head: ExportHead, passphrase: str | None) -> Lock | None:
    if head.encryption is None or passphrase is None:
        return None
    return Lock.made(passphrase, head.encryption, head.id)


def _digest(manifest: Manifest, lock: Lock | None) -> str:
    content = encoded(manifest.model_copy(update={"digest": ""}))
    return sha256(content).hexdigest() if lock is None else lock.signature(content)
