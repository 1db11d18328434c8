"""One file over HTTP: goes on where it stopped, and is not there until its sum is right."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import httpx

from models.bundle import sha256
from service.errors import PullFailed

TIMEOUT = httpx.Timeout(30, connect=10)
SPARE = 50_000_000  # bytes of the disk that a download leaves free
Progress = Callable[[int, int | None], object]  # bytes that are there, and bytes there will be


@dataclass(frozen=True, slots=True)
class Remote:
    """A file at its source. `identity` is the same as long as its content is, as an ETag."""

    url: str
    identity: str
    size: int | None = None
    sha256: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def fetch(remote: Remote, to: Path, progress: Progress) -> str:
    """Downloads to `to`, whole and checked; the sha256 of what is there.

    What came before a break is kept beside it and asked for no more: the next call asks for the
    rest (RFC 9110 section 14). Without a sum to expect, a file that is there is fetched again.
    Raises PullFailed where nothing comes, too little, more than the disk takes, or something else
    than expected, which is deleted.
    """
    if remote.sha256 is not None and to.is_file() and sha256(to) == remote.sha256:
        return remote.sha256
    to.parent.mkdir(parents=True, exist_ok=True)
    partial = to.with_name(f".{to.name}.{_short(remote.identity)}.partial")
    _make_room(remote, partial)
    while not _continued(remote, partial, progress):
        pass
    found = checked(partial, remote.sha256, remote.url)
    partial.replace(to)
    return found


def checked(file: Path, expected: str | None, source: str) -> str:
    """The sha256 of a download. Raises PullFailed for another than expected, and deletes it."""
    found = sha256(file)
    if expected not in {None, found}:
        file.unlink()
        raise PullFailed(
            f"{source} is not the file that is expected: its sha256 is {found[:12]}..., "
            f"{str(expected)[:12]}... is known; it was deleted. Try another mirror."
        )
    return found


def _short(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _make_room(remote: Remote, partial: Path) -> None:
    """Raises PullFailed now rather than after an hour."""
    missing = (remote.size or 0) - _size(partial)
    free = shutil.disk_usage(partial.parent).free
    if missing + SPARE > free:
        raise PullFailed(
            f"{remote.url} needs {missing / 1e6:,.0f} MB more in {partial.parent}, where "
            f"{free / 1e6:,.0f} MB are free; make room, or choose another --output."
        )


def _continued(remote: Remote, partial: Path, progress: Progress) -> bool:
    """Gets what is missing; False where the connection broke but something had come."""
    had = _size(partial)
    if remote.size is not None and had == remote.size:
        return True
    try:
        _append(remote, partial, had, progress)
    except (httpx.RequestError, httpx.InvalidURL) as error:
        if _size(partial) > had:
            return False
        raise PullFailed(_interrupted(remote, had, error)) from error
    except OSError as error:
        raise PullFailed(
            f"{partial.parent} takes no more of {remote.url} ({error.strerror}): make room, and the "
            "same command goes on from there."
        ) from error
    if remote.size is not None and _size(partial) != remote.size:
        partial.unlink()
        raise PullFailed(f"{remote.url} has another size than {remote.size:,} bytes; try again.")
    return True


def _interrupted(remote: Remote, had: int, error: Exception) -> str:
    cause = str(error) or type(error).__name__
    if had == 0:
        return f"{remote.url} cannot be had ({cause}); try again, or name a mirror."
    return (
        f"{remote.url} stopped after {had / 1e6:,.1f} MB ({cause}); the same command goes on from "
        "there."
    )


def _alone(file: BinaryIO, remote: Remote) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PullFailed(f"Another process is fetching {remote.url} to the same place.") from None


def _append(remote: Remote, partial: Path, had: int, progress: Progress) -> None:
    """Raises httpx.RequestError where the connection breaks, PullFailed for a refusal."""
    headers = {**remote.headers, "Accept-Encoding": "identity"}
    if had:
        headers["Range"] = f"bytes={had}-"
    with (
        httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client,
        client.stream("GET", remote.url, headers=headers) as answer,
    ):
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink()
        if not answer.is_success:
            raise PullFailed(f"{remote.url} answers {answer.status_code} {answer.reason_phrase}.")
        goes_on = answer.status_code == HTTPStatus.PARTIAL_CONTENT
        with partial.open("ab") as file:
            _alone(file, remote)
            if not goes_on:
                file.truncate(0)
            for piece in answer.iter_bytes():
                file.write(piece)
                progress(file.tell(), remote.size)
