"""Lists of pairs to compare: LFW's `pairs.txt`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class PairsUnreadable(ValueError):
    """The list cannot be read; the message names the file and the line."""


class Pair(NamedTuple):
    """Two photographs, by path below the image folder, and whether they show the same person."""

    fold: int
    same: bool
    first: str
    second: str


def parse_pairs(path: Path) -> list[Pair]:
    """An LFW `pairs.txt`: `folds n` or `n` first, then `name i j` or `name i other j` lines.

    Raises PairsUnreadable with the line that cannot be read.
    """
    try:
        first, *lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        folds, per_class = (int(first[0]), int(first[1])) if len(first) > 1 else (1, int(first[0]))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise PairsUnreadable(f"{path} is no LFW pairs file: {error}.") from error
    if len(lines) != 2 * folds * per_class:
        raise PairsUnreadable(
            f"{path} announces {2 * folds * per_class} pairs and holds {len(lines)}."
        )
    return [_pair(n // (2 * per_class), line, path) for n, line in enumerate(lines)]


def _pair(fold: int, line: Sequence[str], path: Path) -> Pair:
    try:
        if len(line) == 3:
            return Pair(fold, True, _photograph(line[0], line[1]), _photograph(line[0], line[2]))
        name, i, other, j = line
        return Pair(fold, False, _photograph(name, i), _photograph(other, j))
    except ValueError as error:
        raise PairsUnreadable(f"{path}: cannot read the line {' '.join(line)!r}.") from error


def _photograph(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"
