"""`adaface fsck`: whether the gallery on the disk is whole, and whom it concerns where it is not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from service.cli.console import JsonOption, one_line, out, print_json
from service.errors import DataDirectoryUnusable
from service.gallery.checking import Found, check, repair
from service.gallery.sqlite import NAME, Database, opening
from service.runtime import key_source
from service.settings import from_environment

Repair = Annotated[
    bool,
    typer.Option("--repair", help="Compute indexes and counters anew. Deletes nothing and nobody."),
]


def fsck(repairing: Repair = False, as_json: JsonOption = False) -> None:
    """Check every value of the gallery in FACE_DATA_DIR, while no service runs on it.

    Exits with status 1 if anything is wrong, and names the people who are quarantined for it.
    """
    with one_line():
        done, found = _checked(repairing=repairing)
    if as_json:
        print_json({"found": [asdict(each) for each in found], "repaired": done})
    else:
        for line in [*done, *map(str, found), summary(found)]:
            out.print(line, markup=False, highlight=False)
    if found:
        raise typer.Exit(1)


def _checked(*, repairing: bool) -> tuple[list[str], list[Found]]:
    """What was repaired, and what is wrong after that."""
    settings = from_environment()
    directory = settings.data_dir
    if not (directory / NAME).exists():
        raise DataDirectoryUnusable(f"There is no gallery in {directory}; set FACE_DATA_DIR.")
    with closing(Database(directory, key_source(settings))) as database, opening(directory):
        return repair(database) if repairing else [], check(database)


def summary(found: list[Found]) -> str:
    people = {(each.collection, each.person) for each in found if each.person is not None}
    if not found:
        return "the gallery is whole"
    return (
        f"{len(found)} faults, {len(people)} people quarantined: delete them and enroll anew, or"
        " restore a backup"
    )
