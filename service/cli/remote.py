"""What the commands share that talk to a running service."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from service.errors import TransferFailed
from service.transfer.archive import Ask

T = TypeVar("T")
VARIABLE: Final = "ADAFACE_PASSPHRASE"  # not FACE_*, which are settings of the service
KEY: Final = "ADAFACE_API_KEY"

UrlOption = Annotated[str, typer.Option("--url", help="Where the service runs.")]
LOCAL: Final = "http://127.0.0.1:8000"
KeyOption = Annotated[
    Path | None,
    typer.Option("--key-file", help=f"File whose first line is the access key; else {KEY}."),
]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        help=f"File whose first line is the passphrase; else {VARIABLE}, else it is asked for."
    ),
]


def collection_id(given: str | None) -> str | None:
    """An id as the service takes it, so that it can be part of an address."""
    if given is not None and not re.fullmatch(r"[A-Za-z0-9_.\-]{1,255}", given):
        raise typer.BadParameter("an id has up to 255 letters, digits, '.', '_' and '-'")
    return given


def access(path: Path | None) -> dict[str, str]:
    """The header of the access key that the caller has, if any. Raises TransferFailed."""
    given = os.environ.get(KEY, "") if path is None else (path.read_text().splitlines() or [""])[0]
    if path is not None and not given.strip():
        raise TransferFailed(f"{path} is empty; its first line is to be the access key.")
    if not given.strip().isascii():
        raise TransferFailed(f"{path or KEY} is not an access key.")
    return {"X-API-Key": given.strip()} if given.strip() else {}


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end. Raises TransferFailed where Ctrl-C stops it."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt as error:
        raise TransferFailed("stopped; the same command goes on from here.") from error


def asking(path: Path | None, *, twice: bool) -> Ask:
    """What gets the passphrase, when it is needed; `twice` where a typing error would be kept."""

    def ask() -> str:
        if path is not None:
            return (path.read_text().splitlines() or [""])[0]
        if given := os.environ.get(VARIABLE):
            return given
        return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True))

    return ask
