"""The root key: 32 bytes without which nobody, the operator included, can read a gallery."""

from __future__ import annotations

import logging
import os
import secrets
from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from service.durable import sync
from service.errors import DataDirectoryUnusable

logger = logging.getLogger(__name__)

SIZE: Final = 32  # bytes, of the root key and of every key under it: AES-256
FILE: Final = "root.key"


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the root key comes from: `given` in hex or base64, or in the file at `path`."""

    path: Path
    given: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return str(self.path) if self.given is None else "FACE_ROOT_KEY"

    def key(self) -> bytes:
        """The root key. Raises DataDirectoryUnusable where there is none, or none that is one."""
        if self.given is not None:
            return _decoded(self.given, str(self))
        if not self.path.exists():
            raise DataDirectoryUnusable(
                f"The gallery is encrypted and its root key {self.path} is missing: put the file"
                " back from its backup, or name it with FACE_ROOT_KEY_FILE or FACE_ROOT_KEY."
            )
        data = self.path.read_bytes()
        return data if len(data) == SIZE else _decoded(data.decode(errors="replace"), str(self))

    def made(self) -> bytes:
        """The root key of a new gallery, written to the file where there is none yet."""
        if self.given is None and not self.path.exists():
            _write(self.path, secrets.token_hex(SIZE) + "\n")
            logger.warning(
                "a new root key is in %s: without it the gallery cannot be read, so back it up"
                " now, apart from the gallery",
                self.path,
            )
        return self.key()


def _decoded(text: str, where: str) -> bytes:
    """Never repeats the text: it may be the key with a typing error."""
    decoders: tuple[Callable[[str], bytes], ...] = (bytes.fromhex, _base64)
    for decode in decoders:
        try:
            key = decode(text.strip())
        except (ValueError, Error):
            continue
        if len(key) == SIZE:
            return key
    raise DataDirectoryUnusable(
        f"The root key in {where} is not {SIZE} bytes in hex or base64; `openssl rand -hex {SIZE}`"
        " makes one for a new gallery."
    )


def _base64(text: str) -> bytes:
    return b64decode(text, validate=True)


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and on disk before a row is encrypted with it."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)  # of a start that was killed
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.rename(path)
    sync(path.parent)
