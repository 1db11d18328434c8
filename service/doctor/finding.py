"""What one look at an installation found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """`says` is one sentence: what is, and for a warning or a problem also what to do."""

    level: Level
    check: str  # what was looked at, in a word
    says: str


Findings = Iterator[Finding]
