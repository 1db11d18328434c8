"""A collection from the running service into a directory, part by part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from service.errors import TransferFailed, UnusablePart
from service.schemas import Manifest
from service.transfer import parts
from service.transfer.archive import Draft
from service.transfer.remote import Remote

Advance = Callable[[int], object]  # by so many persons
MOST = 1 << 33  # bytes that a part of a service we trust may inflate to


async def download(
    remote: Remote, collection: str, directory: Path, passphrase: str | None, advance: Advance
) -> Manifest:
    """Goes on where it stopped. Encrypted where there is a passphrase. Raises TransferFailed."""
    address = f"/collections/{collection}"
    home = (await remote("GET", address)).json()
    draft = Draft.opened(directory, collection, str(home["bundle"]), passphrase)
    advance(sum(each.persons for each in draft.entries))
    while not draft.is_complete:
        query = {} if draft.cursor is None else {"after": draft.cursor}
        content = (await remote("GET", f"{address}/export", params=query)).content
        try:
            part = parts.read(content, MOST)
        except UnusablePart as error:
            raise TransferFailed(
                f"What {remote.url} sent is no part of an export: {error}"
            ) from error
        if (part.collection.bundle, part.collection.id) != (
            draft.head.bundle,
            draft.head.collection,
        ):
            raise TransferFailed(
                f"The export in {directory} is of {draft.head.collection!r} with the model"
                f" {draft.head.bundle!r}, and not of {collection!r} with {part.collection.bundle!r};"
                " give another directory."
            )
        draft.add(content, part)
        advance(len(part.enrolled))
    return draft.finish()
