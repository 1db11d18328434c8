"""`adaface export` and `adaface import`: a collection into a directory, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.console import JsonOption, err, one_line, out, print_json, progress
from service.cli.remote import (
    LOCAL,
    KeyOption,
    PassphraseOption,
    UrlOption,
    access,
    asking,
    collection_id,
    run,
)
from service.gallery import Clash
from service.schemas import Manifest
from service.transfer.archive import Archive
from service.transfer.download import download
from service.transfer.remote import Remote
from service.transfer.upload import Upload, upload


def export(  # noqa: PLR0913 - one parameter for each option
    collection: Annotated[str, typer.Argument(callback=collection_id)],
    directory: Annotated[Path, typer.Argument(help="Made if missing; else empty, or to resume.")],
    url: UrlOption = LOCAL,
    key_file: KeyOption = None,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Under a passphrase.")] = False,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write everyone of a collection into a directory, faces and embeddings included.

    A run that was stopped goes on when it is started again. Exits with status 1 if persons are
    damaged and had to be left out.
    """
    with one_line():
        encrypting = encrypt or passphrase_file is not None
        passphrase = asking(passphrase_file, twice=True)() if encrypting else None
        remote = Remote(url, access(key_file))
        manifest = run(_export(remote, collection, directory, passphrase))
    damaged = [person for entry in manifest.parts for person in entry.damaged]
    if as_json:
        print_json({**_counts(manifest), "damaged": damaged})
    else:
        out.print(
            f"{directory}: {manifest.persons:,} persons with {manifest.faces:,} faces of"
            f" {manifest.bundle}, in {len(manifest.parts):,} parts",
            markup=False,
            highlight=False,
        )
    if damaged:
        err.print(f"damaged and left out: {', '.join(damaged)}", style="red", markup=False)
        raise typer.Exit(1)


async def _export(
    connecting: Remote, collection: str, directory: Path, passphrase: str | None
) -> Manifest:
    async with connecting as remote:
        home = (await remote("GET", f"/collections/{collection}")).json()
        with progress(f"exporting {collection}", home["person_count"]) as advance:
            return await download(remote, collection, directory, passphrase, advance)


def import_(  # noqa: PLR0913 - one parameter for each option
    directory: Annotated[Path, typer.Argument(help="What 'adaface export' wrote.")],
    collection: Annotated[
        str | None,
        typer.Option(help="Instead of the collection exported.", callback=collection_id),
    ] = None,
    url: UrlOption = LOCAL,
    key_file: KeyOption = None,
    on_conflict: Annotated[
        Clash,
        typer.Option(
            help="Where a person is there already and differs: stop at the part, leave them as they"
            " are, or put the exported one in their place."
        ),
    ] = "fail",
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring an export into the running service; every part is verified before the first is sent.

    A run that was stopped goes on when it is started again. Exits with status 1 if anybody was
    skipped.
    """
    with one_line():
        archive = Archive.opened(directory, asking(passphrase_file, twice=False))
        into = collection or archive.manifest.collection
        with progress("verifying", archive.manifest.persons) as advance:
            archive.check(advance)
        with progress(f"importing into {into}", archive.manifest.persons) as advance:
            remote = Remote(url, access(key_file))
            done = run(_import(remote, archive, into, on_conflict, advance))
    if as_json:
        print_json(_told(done))
    else:
        for line in _lines(into, done):
            out.print(line, markup=False, highlight=False)
    if done.conflicts:
        raise typer.Exit(1)


async def _import(
    connecting: Remote, archive: Archive, into: str, clash: Clash, advance: Callable[[int], object]
) -> Upload:
    async with connecting as remote:
        return await upload(remote, archive, into, clash, advance)


def _counts(manifest: Manifest) -> dict[str, Any]:
    kept = {"collection", "bundle", "persons", "faces"}
    return manifest.model_dump(include=kept) | {"parts": len(manifest.parts)}


def _told(done: Upload) -> dict[str, Any]:
    return {
        "created": done.created,
        "unchanged": done.unchanged,
        "replaced": done.replaced,
        "earlier": done.earlier,
        "skipped": len(done.conflicts),
        "conflicts": done.conflicts,
    }


def _lines(into: str, done: Upload) -> list[str]:
    counts = ", ".join(
        f"{count:,} {name}" for name, count in _told(done).items() if isinstance(count, int)
    )
    return [f"{into}: {counts}", *(f"skipped: {person}" for person in done.conflicts)]
