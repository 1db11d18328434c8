"""Small line charts as SVG: text that a report can hold and a repository can show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 34, 46
COLORS = ("#1f5fa8", "#c4541b", "#2b8a57", "#8a4fb0", "#777777", "#b0871a")


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline; `steps` keeps each value until the next x."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """Its label and the values at its ends; `log` counts in powers of ten."""

    label: str
    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """0 to 1 along the axis; what lies beyond is put on its end."""
        low, high, at = (self._scaled(each) for each in (self.low, self.high, value))
        return min(1.0, max(0.0, (at - low) / (high - low)))

    def ticks(self) -> list[float]:
        if self.log:
            first, last = np.ceil(np.log10(self.low) - 1e-9), np.floor(np.log10(self.high) + 1e-9)
            return [float(10.0**power) for power in np.arange(first, last + 1)]
        return [float(value) for value in np.linspace(self.low, self.high, 6)]

    def named(self, tick: float) -> str:
        return f"{tick:g}" if self.log else f"{tick:.2g}"

    def _scaled(self, value: float) -> float:
        return float(np.log10(max(value, 1e-12))) if self.log else value


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """An SVG document of 480 x 320 units, readable on light and on dark pages."""
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(value: float) -> float:
        return LEFT + x.place(value) * inner_width

    def up(value: float) -> float:
        return TOP + (1 - y.place(value)) * inner_height

    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11">'
    )
    parts = [
        opening,
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(WIDTH / 2, 18, title, "middle", 'font-weight="bold"'),
        *_across(x, across),
        *_up(y, up),
        _text(LEFT + inner_width / 2, HEIGHT - 8, x.label, "middle"),
        _text(14, TOP + inner_height / 2, y.label, "middle", _turned(14, TOP + inner_height / 2)),
    ]
    for number, line in enumerate(lines):
        color = COLORS[number % len(COLORS)]
        parts.append(_polyline(line, across, up, color))
    legends = [_legend(line.name, n, COLORS[n % len(COLORS)]) for n, line in enumerate(lines)]
    return "\n".join([*parts, *legends, "</svg>"]) + "\n"


def _across(axis: Axis, place: Callable[[float], float]) -> list[str]:
    bottom = HEIGHT - BOTTOM
    return [
        f'<path d="M{place(tick):.1f} {TOP}V{bottom}" stroke="#ddd"/>'
        + _text(place(tick), bottom + 15, axis.named(tick), "middle")
        for tick in axis.ticks()
    ]


def _up(axis: Axis, place: Callable[[float], float]) -> list[str]:
    return [
        f'<path d="M{LEFT} {place(tick):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        + _text(LEFT - 6, place(tick) + 4, axis.named(tick), "end")
        for tick in axis.ticks()
    ]


def _polyline(
    line: Line, across: Callable[[float], float], up: Callable[[float], float], color: str
) -> str:
    points: list[str] = []
    for index, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
        if line.steps and index:
            points.append(f"{across(x):.1f},{up(line.y[index - 1]):.1f}")
        points.append(f"{across(x):.1f},{up(y):.1f}")
    return (
        f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="1.8"/>'
    )


def _legend(name: str, number: int, color: str) -> str:
    y, x = TOP + 14 + 15 * number, WIDTH - RIGHT - 112
    back = f'<rect x="{x - 4}" y="{y - 11}" width="116" height="15" fill="#fff" opacity="0.8"/>'
    line = f'<path d="M{x} {y - 4}h18" stroke="{color}" stroke-width="2.5"/>'
    return back + line + _text(x + 23, y, name, "start")


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222" {more}>'
        f"{escape(text)}</text>"
    )


def _turned(x: float, y: float) -> str:
    return f'transform="rotate(-90 {x:.1f} {y:.1f})"'
