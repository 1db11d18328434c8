"""The file of the access keys: changed by one process at a time, in one step, read by all."""

from __future__ import annotations

import fcntl
import hmac
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import TypeAdapter, ValidationError

from service.access.key import AccessKey
from service.durable import sync
from service.errors import AccessKeysUnusable

FILE: Final = "access-keys.json"
VERSION: Final = 1
_KEYS: Final = TypeAdapter(tuple[AccessKey, ...])
Stamp = tuple[int, int, int]  # inode, modification in ns, size: every replacement has another
Keys = Mapping[str, AccessKey]  # by id, in the order they were created


class Keyring:
    """The keys in a data directory, whose digests and whose file are bound to its root key.

    The file is replaced as a whole and is on disk before a change returns, so a kill leaves
    the old keys or the new ones. Its own HMAC shows a root key that is another, and scopes
    that somebody widened by hand.
    """

    def __init__(self, directory: Path, root: Callable[[], bytes]) -> None:
        """`root` gets the root key, 32 bytes, when there is something to check with it."""
        self.path = directory / FILE
        self._root = root

    def pepper(self) -> bytes:
        """The 32-byte key of all digests (HKDF, RFC 5869)."""
        derived = HKDF(algorithm=SHA256(), length=32, salt=b"", info=b"adaface access keys")
        return derived.derive(self._root())

    def stamp(self) -> Stamp | None:
        """What changes with the file; None where there is none."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self) -> Keys:
        """Raises AccessKeysUnusable for a file that is damaged, or not of this root key."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise AccessKeysUnusable(f"{self.path}: {error.strerror}.") from error
        try:
            document = json.loads(text)
            genuine = hmac.compare_digest(str(document["mac"]), self._mac(document["keys"]))
            keys = _KEYS.validate_python(document["keys"]) if genuine else ()
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise self._unusable() from error
        if not genuine:
            raise self._unusable()
        return {key.id: key for key in keys}

    @contextmanager
    def changing(self) -> Iterator[dict[str, AccessKey]]:
        """The keys, to be changed within the block; written when it ends without an exception."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path.with_suffix(".lock"), flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            keys = dict(self.read())
            yield keys
            self._write(keys)
        finally:
            os.close(descriptor)

    def _write(self, keys: Keys) -> None:
        content: list[Any] = _KEYS.dump_python(tuple(keys.values()), mode="json")
        document = {"version": VERSION, "keys": content, "mac": self._mac(content)}
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)  # of a command that was killed
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(document, indent=1) + "\n")
            file.flush()
            os.fsync(descriptor)
        new.rename(self.path)
        sync(self.path.parent)

    def _mac(self, content: Any) -> str:
        text = json.dumps([VERSION, content], sort_keys=True)
        return hmac.digest(self.pepper(), text.encode(), "sha256").hex()

    def _unusable(self) -> AccessKeysUnusable:
        return AccessKeysUnusable(
            f"{self.path} is damaged, was changed by hand, or is of another root key: put it back"
            " from its backup, or delete it and create the keys anew."
        )
