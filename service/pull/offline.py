"""Files that were fetched elsewhere and brought along."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.catalogue import File
from service.errors import PullFailed


def brought(wanted: Iterable[File], given: Path) -> tuple[File, Path]:
    """The first of the wanted files that `given` is, or has in it, and where it lies.

    In a folder a file is looked for at its path of the source, then by its name. A single file is
    taken for the one it is called like, or else has the suffix of. Raises PullFailed where there
    is none.
    """
    files = list(wanted)
    if given.is_dir():
        places = [(file, given / part) for file in files for part in (file.path, file.name)]
        found = next((each for each in places if each[1].is_file()), None)
    elif given.is_file():
        found = next(((file, given) for file in files if _resembles(file, given)), None)
    else:
        raise PullFailed(f"{given} does not exist.")
    if found is None:
        names = " or ".join(file.path for file in files)
        raise PullFailed(f"{given} is not what is needed: {names}.")
    return found


def _resembles(file: File, given: Path) -> bool:
    return Path(file.path).suffix == given.suffix
