"""A gallery opened in this process, asked as the client asks the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.gallery.local import LocalGallery
from tests.faults import crops

_PAGE = 1000


class Opened:
    """The collection `default` of a gallery."""

    def __init__(self, gallery: LocalGallery) -> None:
        self.gallery = gallery

    def persons(self) -> dict[str, int]:
        listed: dict[str, int] = {}
        after = None
        while True:
            page = self.gallery.persons("default", after, _PAGE)
            listed |= {person.id: person.face_count for person in page.items}
            if (after := page.next) is None:
                return listed

    def faces(self, person: str) -> list[str]:
        return [face.id for face in self.gallery.faces("default", person, None, _PAGE).items]

    def search(
        self, probes: Sequence[NDArray[np.float32]], limit: int = 100
    ) -> list[dict[str, float]]:
        found = self.gallery.search("default", np.stack(probes), limit)
        return [{each.person.id: each.similarity for each in candidates} for candidates in found]


@contextmanager
def opened(directory: Path, bundle: str) -> Iterator[Opened]:
    """The gallery that a server with `bundle`, the id, left in `directory`."""
    gallery = LocalGallery.open(directory, bundle=bundle, dimension=crops.DIMENSION)
    try:
        yield Opened(gallery)
    finally:
        gallery.close()
