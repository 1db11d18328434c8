"""Which model each face has features of, and in which column: while a collection changes, two."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Slot: TypeAlias = Literal["sealed", "renewed"]  # the columns of `faces` that hold features
State: TypeAlias = Literal["embedding", "switched", "clearing"]

FIRST: Final[Slot] = "sealed"
SLOTS: Final[tuple[Slot, Slot]] = ("sealed", "renewed")


class Slots(NamedTuple):
    """What is searched is of `bundle` and in the slot `active`.

    While the collection changes its model the spare slot has features of `other`: those to come
    while `embedding`, those that were while `switched`, and while `clearing` what is taken out.
    """

    active: Slot
    bundle: str
    state: State | None = None
    other: str | None = None

    @property
    def spare(self) -> Slot:
        return spare(self.active)

    @property
    def wanted(self) -> dict[Slot, str]:
        """The bundles whose features a new face needs."""
        if self.other is None or self.state == "clearing":
            return {self.active: self.bundle}
        return {self.active: self.bundle, self.spare: self.other}

    def turned(self, state: State) -> Slots:
        """The same with the spare slot being the one that is searched."""
        return Slots(self.spare, self.other or self.bundle, state, self.bundle)


def spare(slot: Slot) -> Slot:
    return "renewed" if slot == FIRST else FIRST


def slot(stored: object) -> Slot:
    """What a column says; anything but a known name, as a flipped bit makes, is the first."""
    return "renewed" if stored == "renewed" else FIRST
