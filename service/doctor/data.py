"""The data directory: whether it can be used, has room, is private, and is nobody else's."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from tempfile import TemporaryFile

from service.doctor.finding import Finding, Findings
from service.errors import DataDirectoryUnusable, StartupError
from service.gallery import sqlite
from service.runtime import key_source
from service.settings import Settings

NAME = "data"
LITTLE = 1_000_000_000  # bytes: of a million persons the gallery has more
NONE = 50_000_000
PRIVATE = stat.S_IRWXG | stat.S_IRWXO


def folder(settings: Settings) -> Findings:
    """Whether it is there, or can be made, and can be written to."""
    path = settings.data_dir.absolute()
    near = _existing(path)
    if (reason := _unwritable(near)) is not None:
        yield Finding(
            "problem",
            NAME,
            f"User {os.getuid()} cannot write to {near} ({reason}): give it to that user, or set "
            "FACE_DATA_DIR.",
        )
    elif near != path:
        yield Finding("ok", NAME, f"{path} is not there yet; the first start makes it.")
    elif stat.S_IMODE(path.stat().st_mode) & PRIVATE:
        yield Finding("warning", NAME, f"Others can look into {path}: run 'chmod 700 {path}'.")
    else:
        yield Finding("ok", NAME, f"{path} can be written to, by its owner alone.")


def _unwritable(directory: Path) -> str | None:
    """Why nothing can be put there: tried with a file that has no name, as rights tell only half."""
    try:
        TemporaryFile(dir=directory).close()
    except OSError as error:
        return error.strerror
    return None


def space(settings: Settings) -> Findings:
    near = _existing(settings.data_dir.absolute())
    free = shutil.disk_usage(near).free
    sentence = f"{free / 1e9:,.1f} GB are free in {near}"
    if free < NONE:
        yield Finding("problem", "disk", f"{sentence}: nothing can be enrolled; make room.")
    elif free < LITTLE:
        yield Finding("warning", "disk", f"{sentence}: make room before enrollments are refused.")
    else:
        yield Finding("ok", "disk", f"{sentence}.")


def root_key(settings: Settings) -> Findings:
    """Without the key the gallery is noise, and whoever has it can read a stolen copy."""
    try:
        source = key_source(settings)
        gallery = (settings.data_dir / sqlite.NAME).exists()
        if not gallery and source.given is None and not source.path.exists():
            yield Finding("ok", "root key", "There is none yet; the first start makes it.")
            return
        source.key()
    except StartupError as error:
        yield Finding("problem", "root key", str(error))
    except OSError as error:
        reason = f"{source.path} cannot be read: {error.strerror}; give it to the service's user."
        yield Finding("problem", "root key", reason)
    else:
        yield from _secrecy(source.path if source.given is None else None)


def _secrecy(path: Path | None) -> Findings:
    if path is not None and stat.S_IMODE(path.stat().st_mode) & PRIVATE:
        yield Finding("warning", "root key", f"Others can read {path}: run 'chmod 600 {path}'.")
    else:
        yield Finding(
            "ok", "root key", "It is there; keep a copy apart from the gallery's backups."
        )


def holder(settings: Settings) -> Findings:
    if not (settings.data_dir / "gallery.lock").exists():
        return
    try:
        os.close(sqlite.lock(settings.data_dir))
    except DataDirectoryUnusable as error:
        yield Finding("warning", NAME, f"{error} If that is the service itself, all is well.")


def _existing(path: Path) -> Path:
    """The path, or the nearest above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())
