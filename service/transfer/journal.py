"""What of a folder is enrolled already, kept beside it from one run to the next."""

from __future__ import annotations

import json
from collections import defaultdict
from hashlib import sha256
from pathlib import Path
from typing import Self

from pydantic import BaseModel

from service.errors import TransferFailed
from service.transfer import files
from service.transfer.encoding import encoded


class Line(BaseModel):
    """Photographs, by SHA-256, that were enrolled for a person who was created then."""

    person: str
    created_at: str
    photographs: list[str]


class Journal:
    """Photographs that were enrolled, whatever their files are called.

    They count for the person as created then: whoever is deleted and enrolled anew starts empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    @classmethod
    def opened(cls, path: Path) -> Self:
        """Raises TransferFailed where it is no journal, or cannot be written."""
        journal = cls(path)
        try:
            found = files.lines(path)
            path.open("ab").close()
        except OSError as error:
            raise TransferFailed(
                f"{path} cannot be written: {error.strerror}; name another place with --journal."
            ) from error
        for line in found:
            journal._take(files.parsed(Line, line, path))
        return journal

    def known(self, person: str, created_at: str) -> set[str]:
        return self._known[person, created_at]

    def add(self, person: str, created_at: str, photographs: list[str]) -> None:
        line = Line(person=person, created_at=created_at, photographs=photographs)
        files.append(self.path, encoded(line))
        self._take(line)

    def _take(self, line: Line) -> None:
        self._known[line.person, line.created_at].update(line.photographs)


def beside(root: Path, url: str, collection: str) -> Path:
    """The journal's place: in the folder, one for each service and collection."""
    target = sha256(json.dumps([url, collection]).encode()).hexdigest()[:12]
    return root / f".adaface-enrolled-{target}.journal"
