"""`adaface enroll`: everybody in a folder, as fast as the service can."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.console import JsonOption, err, one_line, out, print_json, progress
from service.cli.remote import LOCAL, KeyOption, UrlOption, access, collection_id, run
from service.transfer.enrolling import Enrolling, Told
from service.transfer.folders import Subject, subjects
from service.transfer.journal import Journal, beside
from service.transfer.remote import Remote

STOPPED = 130  # what a shell shows for Ctrl-C


def enroll(  # noqa: PLR0913 - one parameter for each option
    folder: Annotated[Path, typer.Argument(help="One folder of photographs per person.")],
    collection: Annotated[
        str, typer.Option(help="The collection to enroll into.", callback=collection_id)
    ] = "default",
    url: UrlOption = LOCAL,
    key_file: KeyOption = None,
    in_flight: Annotated[
        int, typer.Option(help="Requests at a time.", min=1, max=64)
    ] = 8,  # the service always lets in so many
    largest: Annotated[
        bool, typer.Option("--largest", help="Enroll the largest face where there are several.")
    ] = False,
    allow_duplicates: Annotated[
        bool, typer.Option("--allow-duplicates", help="Enroll who matches another person, too.")
    ] = False,
    allow_conflicts: Annotated[
        bool,
        typer.Option("--allow-conflicts", help="Enroll faces unlike the person's others, too."),
    ] = False,
    journal: Annotated[
        Path | None, typer.Option(help="What is enrolled already; in FOLDER unless given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Enroll a folder of photographs, root/person/*.jpg, into the running service.

    A second run enrolls what is new or was rejected. Exits with status 1 if photographs were
    rejected, 130 if Ctrl-C stopped it.
    """
    with one_line():
        people = subjects(folder)
        kept = Journal.opened(journal or beside(folder, url, collection))
        total = sum(len(each.photographs) for each in people)
        flags = {
            "largest": largest,
            "allow_duplicate": allow_duplicates,
            "allow_conflict": allow_conflicts,
        }
        query = {name: "true" for name, given in flags.items() if given}
        with progress("enrolling", total) as advance:
            remote = Remote(url, access(key_file))
            told, stopped = run(
                _enroll(remote, collection, kept, people, in_flight, advance, query)
            )
    if as_json:
        print_json(asdict(told) | {"stopped": stopped})
    else:
        _print(told, stopped=stopped)
    if stopped or told.rejected:
        raise typer.Exit(STOPPED if stopped else 1)


async def _enroll(  # noqa: PLR0913 - what a run is made of
    connecting: Remote,
    collection: str,
    journal: Journal,
    people: Sequence[Subject],
    in_flight: int,
    advance: Callable[[int], object],
    query: dict[str, Any],
) -> tuple[Told, bool]:
    """What was done, and whether Ctrl-C stopped it; a second one does not wait for answers."""
    async with connecting as remote:
        work = Enrolling(remote, collection, journal, advance, query)
        running, loop = asyncio.current_task(), asyncio.get_running_loop()
        stopped = False

        def interrupted() -> None:
            nonlocal stopped
            if stopped and running is not None:
                running.cancel()
            stopped = True
            work.stop()

        loop.add_signal_handler(signal.SIGINT, interrupted)
        try:
            return await work.run(people, in_flight), stopped
        except asyncio.CancelledError:
            return work.told, True


def _print(told: Told, *, stopped: bool) -> None:
    for each in told.rejected:
        line = f"{each.file}: {', '.join(each.reasons)}: {each.advice}"
        err.print(line, style="red", markup=False, highlight=False)
    out.print(
        f"{told.persons:,} persons: {told.enrolled:,} photographs enrolled, {told.known:,} were"
        f" already, {len(told.rejected):,} rejected"
        + ("; stopped, the same command goes on from here" if stopped else ""),
        markup=False,
        highlight=False,
    )
