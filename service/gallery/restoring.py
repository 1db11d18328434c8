"""Puts a backup back in place of a gallery: all of it or nothing, and nobody who was erased since."""

from __future__ import annotations

import hmac
import json
import logging
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Final

from service.durable import sync
from service.errors import BackupRefused
from service.gallery import killpoints
from service.gallery.backups import CHUNK, FORMAT, Advance, Manifest, signed
from service.gallery.checking import Found, check
from service.gallery.erasing import erase_again
from service.gallery.erasures import Entry, Erasures
from service.gallery.keys import KeySource
from service.gallery.ledger import FILE, read
from service.gallery.mending import mend
from service.gallery.migrations import MIGRATIONS
from service.gallery.sealing import Damaged, Vault
from service.gallery.sqlite import LEFTOVER, NAME, Database, lock, opening
from service.gallery.tables import Tables

logger = logging.getLogger(__name__)

STAGING: Final = f"{LEFTOVER}restore"
ASIDE: Final = f"{NAME}.unreadable"
_LINE: Final = 4096  # bytes, more than a manifest has


@dataclass(frozen=True, slots=True)
class Restored:
    """What a backup held: `erased` are those of it who had been erased since, by kind."""

    manifest: Manifest
    erased: Counter[str]
    found: list[Found]


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup in a file, of which only the manifest was read; `vault` has its keys."""

    path: Path
    manifest: Manifest
    vault: Vault

    @classmethod
    def opened(cls, path: Path, keys: KeySource) -> Archive:
        """Raises BackupRefused: no backup, of another root key, or of a newer release."""
        with path.open("rb") as file:
            manifest = _manifest(path, file.readline(_LINE))
        try:
            vault = Vault.opened(keys.key(), bytes.fromhex(manifest.check))
        except (Damaged, ValueError) as error:
            raise BackupRefused(
                f"{path} was made with another root key than the one from {keys}, or its first line"
                " is damaged; name the key of then with FACE_ROOT_KEY_FILE or FACE_ROOT_KEY."
            ) from error
        if manifest.schema > len(MIGRATIONS):
            raise BackupRefused(
                f"{path} has a gallery of version {manifest.schema}, written by a newer release;"
                f" this one reads up to {len(MIGRATIONS)}."
            )
        return cls(path, manifest, vault)

    def unpack(self, into: Path, advance: Advance) -> None:
        """Writes `gallery.db`. Raises BackupRefused if a byte of the backup is not as it was made."""
        signature = signed(self.vault)
        with self.path.open("rb") as file, into.open("xb") as out:
            signature.update(file.readline(_LINE))
            for chunk in self._content(file):
                signature.update(chunk)
                out.write(chunk)
                advance(1)
            whole = hmac.compare_digest(file.read(), signature.digest())
        if not whole or self.vault.gallery.hex() != self.manifest.gallery:
            raise BackupRefused(
                f"{self.path} is damaged or was changed, so nothing of it is used; take another copy."
            )

    def _content(self, file: BufferedReader) -> Iterator[bytes]:
        left = self.manifest.size
        while left > 0 and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def restore(  # noqa: PLR0913 - what, where, and what is known of those erased since
    archive: Archive,
    directory: Path,
    keys: KeySource,
    now: datetime,
    *,
    ledger: Path | None = None,
    advance: Advance = int,
) -> Restored:
    """Replaces the gallery in `directory` by the backup, without those who were erased since.

    Who was erased is known from the gallery that is there, from `erasures.log` beside it, and from
    `ledger`, a copy of that. Killed at any moment, the directory has the old gallery or the new
    one. A gallery that cannot be read is kept, as `gallery.db.unreadable`. Raises BackupRefused,
    and DataDirectoryUnusable also while a service runs on the directory.
    """
    with opening(directory), _staged(directory) as staging:
        archive.unpack(staging / NAME, advance)
        known = {*read(directory / FILE), *(read(ledger) if ledger else ()), *_present(directory)}
        with closing(Database(staging, keys)) as database:
            erased = erase_again(database, known - _own(database, now), now)
            found = check(database)
        _replace(staging / NAME, directory / NAME)
    return Restored(archive.manifest, erased, found)


def _manifest(path: Path, line: bytes) -> Manifest:
    try:
        manifest = Manifest(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise BackupRefused(f"{path} is no backup of a gallery, or is damaged.") from error
    kinds = all(
        type(getattr(manifest, each.name)).__name__ == each.type for each in fields(manifest)
    )
    if not kinds or manifest.format != FORMAT:
        raise BackupRefused(f"{path} is a backup of a format that this release does not know.")
    return manifest


@contextmanager
def _staged(directory: Path) -> Iterator[Path]:
    """A directory in the locked one, for what is not in place yet; gone at the end."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = directory / STAGING
    with ExitStack() as stack:
        stack.callback(os.close, lock(directory))
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        stack.callback(shutil.rmtree, staging, ignore_errors=True)
        yield staging


def _present(directory: Path) -> set[Entry]:
    """The ledger in the gallery that is there, if it can be read; needs no root key."""
    if not (directory / NAME).exists():
        return set()
    try:
        return _emptied(directory / NAME)
    except sqlite3.Error as error:
        logger.warning("what is there cannot be read and is kept as %s: %s", ASIDE, error)
        (directory / ASIDE).unlink(missing_ok=True)
        os.link(directory / NAME, directory / ASIDE)
        return set()


def _emptied(path: Path) -> set[Entry]:
    """As above; afterwards the database has no log. Raises sqlite3.Error."""
    mend(path.with_name(f"{NAME}-wal"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT 1 FROM sqlite_schema WHERE name = 'erasures'"
        if not connection.execute(query).fetchall():  # of a release before there was a ledger
            return set()
        rows = connection.execute("SELECT erased_at, entry FROM erasures").fetchall()
    return {Entry(*row) for row in rows}


def _own(database: Database, now: datetime) -> set[Entry]:
    """What had been erased when the backup was made; whoever is in it with the same was imported."""
    with database.reading() as connection:
        tables = Tables(connection, "", database.vault, now)
        return {entry for _, entry in Erasures(tables).all()}


def _replace(new: Path, old: Path) -> None:
    for suffix in ("-wal", "-shm"):  # of what cannot be read; SQLite would apply it to the new one
        if (log := old.with_name(NAME + suffix)).exists():
            log.rename(old.with_name(ASIDE + suffix))
    with new.open("rb") as file:
        os.fsync(file.fileno())
    killpoints.reached(killpoints.BEFORE_RESTORE)
    new.rename(old)
    sync(old.parent)
    killpoints.reached(killpoints.AFTER_RESTORE)
    for path in old.parent.glob("index-*.snapshot"):  # of the gallery before
        path.unlink()
