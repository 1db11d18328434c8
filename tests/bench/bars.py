"""What was promised, what was measured, and whether that holds."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel


class Bar(BaseModel):
    """`value` None was not measured, for the reason in `note`; that is no miss, and is said."""

    name: str
    promise: str
    value: float | None
    bound: float
    direction: Literal["at least", "at most"] = "at least"
    unit: str = ""
    note: str = ""

    @property
    def verdict(self) -> Literal["holds", "missed", "not measured"]:
        if self.value is None:
            return "not measured"
        if math.isnan(self.value):
            return "missed"
        up = self.direction == "at least"
        holds = self.value >= self.bound if up else self.value <= self.bound
        return "holds" if holds else "missed"

    def figure(self) -> str:
        """`name=value`, for the line that the benchmark ends with."""
        measured = "not-measured" if self.value is None else number(self.value) + self.unit
        return f"{self.name}={measured}"


def number(value: float) -> str:
    """Three significant digits, and more where less would hide a bar: 0.99999 stays that."""
    if math.isnan(value):
        return "none"
    if 0.99 < value < 1:
        return f"{value:.7f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def line(bars: list[Bar]) -> str:
    """All figures, and the bars that were missed."""
    missed = [bar.name for bar in bars if bar.verdict == "missed"]
    verdict = f"missed: {', '.join(missed)}" if missed else "every bar holds"
    return f"bench: {' '.join(bar.figure() for bar in bars)} {verdict}"
