"""Files that are whole or not there, and what they should hold."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from service.durable import sync
from service.errors import TransferFailed
from service.transfer.encoding import decoded

M = TypeVar("M", bound=BaseModel)


def place(path: Path, content: bytes) -> None:
    """Writes the file so that it is whole and on the disk, or not there. Only the owner reads it."""
    beside = path.with_name(path.name + ".tmp")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync(path.parent)


def append(path: Path, line: bytes) -> None:
    """Adds a line, on the disk when this returns. A cut leaves a torn last line at most."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(path, flags, 0o600), "ab") as file:
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def lines(path: Path) -> list[bytes]:
    """The whole lines of a file that was appended to; none where there is no file."""
    if not path.exists():
        return []
    return path.read_bytes().split(b"\n")[:-1]


def parsed(model: type[M], content: bytes, where: Path) -> M:
    """Raises TransferFailed."""
    try:
        return decoded(model, content)
    except ValueError as error:
        raise TransferFailed(f"{where}: {str(error).removesuffix('.')}.") from error


def checksum(path: Path) -> str | None:
    """SHA-256 in hex, None where there is no such file."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
