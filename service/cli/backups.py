"""`adaface backup` and `adaface restore`: the gallery as one file, and back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Annotated, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import typer

from service.cli.console import one_line, out, progress, working
from service.cli.gallery import summary
from service.cli.remote import KeyOption, access
from service.errors import BackupRefused, StartupError
from service.gallery.backups import CHUNK
from service.gallery.restoring import Archive, Restored
from service.gallery.restoring import restore as restored
from service.runtime import key_source
from service.settings import Settings, from_environment

_PATIENCE: Final = 3600.0  # seconds; a copy of a million faces takes 10

Target = Annotated[Path, typer.Argument(help="File to write; replaced when the new one is whole.")]
Source = Annotated[Path, typer.Argument(help="A file that 'adaface backup' wrote.")]
Url = Annotated[str, typer.Option("--url", help="Where the service runs.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Instead of FACE_DATA_DIR.")]
LedgerOption = Annotated[
    Path | None,
    typer.Option("--ledger", help="A copy of erasures.log that was kept elsewhere."),
]


def backup(file: Target, url: Url = "http://127.0.0.1:8000", key_file: KeyOption = None) -> None:
    """Write a backup of the gallery while the service runs and goes on to change it."""
    part = file.with_name(f"{file.name}.part")
    with one_line():
        try:
            with _asked(url.rstrip("/") + "/backup", access(key_file)) as answer:
                size = _saved(answer, part)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    out.print(f"{file}: {size:,} bytes", highlight=False, markup=False)


def restore(file: Source, data_dir: DataDir = None, ledger: LedgerOption = None) -> None:
    """Replace the gallery by a backup, while no service runs on it.

    People, faces and collections that were erased since are erased again before it is in place.
    Exits with status 1 if the backup is not used, and then nothing is changed.
    """
    with one_line():
        settings = from_environment()
        if data_dir is not None:
            settings = settings.model_copy(update={"data_dir": data_dir})
        done = _restored(file, settings, ledger)
    counts = ", ".join(f"{count} {kind}s" for kind, count in done.erased.items() if count)
    manifest = done.manifest
    for line in (
        f"{manifest.persons} persons with {manifest.faces} faces as of {manifest.created_at}",
        f"erased again: {counts or 'nothing'}",
        *map(str, done.found),
        summary(done.found),
    ):
        out.print(line, markup=False, highlight=False)


def _restored(file: Path, settings: Settings, ledger: Path | None) -> Restored:
    if ledger is not None and not ledger.is_file():
        raise BackupRefused(f"The ledger {ledger} does not exist.")
    keys = key_source(settings)
    archive = Archive.opened(file, keys)
    steps = archive.manifest.size // CHUNK + 1
    with progress("restoring", steps) as advance:
        return restored(
            archive, settings.data_dir, keys, datetime.now(UTC), ledger=ledger, advance=advance
        )


def _copied(answer: IO[bytes], file: IO[bytes], advance: Callable[[int], object]) -> None:
    while chunk := answer.read(CHUNK):
        file.write(chunk)
        advance(1)


@contextmanager
def _asked(url: str, headers: dict[str, str]) -> Iterator[HTTPResponse]:
    """The answer of the service. Raises StartupError with what it says instead of one."""
    if not url.startswith(("http://", "https://")):
        raise StartupError(f"{url} is no address; give --url http://HOST:PORT.")
    try:
        with working("the service copies the gallery"):
            asked = Request(url, headers=headers)  # noqa: S310 - http and https only, see above
            answer = urlopen(asked, timeout=_PATIENCE)  # noqa: S310 - the same
        with answer:
            yield answer
    except HTTPError as error:
        raise StartupError(f"{url}: {_detail(error)}") from error
    except URLError as error:
        raise StartupError(
            f"{url} does not answer: {error.reason}. Start the service, or name it with --url."
        ) from error
    except HTTPException as error:
        raise StartupError(f"{url}: the connection ended early: {error}") from error


def _detail(error: HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def _saved(answer: HTTPResponse, path: Path) -> int:
    """Writes the answer, on disk when this returns; its size. Raises StartupError if it is cut."""
    size = int(answer.headers["Content-Length"])
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file, progress("saving", size // CHUNK + 1) as advance:
        _copied(answer, file, advance)
        if file.tell() != size:
            raise StartupError(f"The backup ended after {file.tell():,} of {size:,} bytes.")
        file.flush()
        os.fsync(descriptor)
    return size
