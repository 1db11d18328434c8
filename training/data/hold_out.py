"""People who are never trained on, so that thresholds can be set and errors be counted on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


def is_held_out(identity: str, share: float) -> bool:
    """Whether somebody is among the `share`, 0 to 1, of people who are kept apart.

    Decided by the name alone, so that it stays so when the data grow or are listed otherwise.
    """
    drawn = int.from_bytes(sha256(identity.encode()).digest()[:8], "big")
    return drawn < share * 2**64


def kept(
    labelled: Iterable[tuple[T, str]], share: float, *, held_out: bool
) -> Iterator[tuple[T, str]]:
    """What shows people who are held out, or everything else."""
    return (each for each in labelled if is_held_out(each[1], share) == held_out)
