"""Which code made a file."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent


def version() -> str:
    """The installed package's version, or `unknown` where it runs uninstalled."""
    try:
        return metadata.version("adaface-service")
    except metadata.PackageNotFoundError:
        return "unknown"


@cache
def commit() -> str | None:
    """The git commit of this code, `-dirty` behind it where the tree was changed.

    None outside of a checkout, and inside a checkout that is not this project's: an installed
    package may lie in somebody's repository without being part of it.
    """
    if _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    return _git("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")


def _git(*arguments: str) -> str | None:
    if (git := shutil.which("git")) is None:
        return None
    command = [git, "-C", str(HERE), *arguments]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - fixed arguments, no shell
    return ran.stdout.strip() if ran.returncode == 0 else None
