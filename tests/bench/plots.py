"""The plots of the page, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench.curve import Point

STYLE: dict[Any, Any] = {  # matplotlib types the keys as one of 330 literals
    "svg.fonttype": "none",  # text stays text: a tenth of the size
    "svg.hashsalt": "adaface",  # the same figures, the same bytes
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
LIMITS = {"p50": "#4c78a8", "p95": "#f58518", "p99": "#e45756"}


def write(directory: Path, points: Sequence[Point], capacity: float) -> list[str]:
    """Writes the plots of `points`, one a load, in order of the load; their file names."""
    drawn = {"latency.svg": latency, "goodput.svg": goodput, "stages.svg": stages}
    directory.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, draw in drawn.items():
            figure = Figure(figsize=(6.4, 3.6), layout="constrained")
            draw(figure.subplots(), points, capacity)
            partial = directory / f"{name}.partial"
            figure.savefig(partial, format="svg", metadata={"Date": None}, transparent=False)
            partial.replace(directory / name)
    return list(drawn)


def latency(axes: Axes, points: Sequence[Point], capacity: float) -> None:
    """Milliseconds from the time a request was due, against requests offered a second."""
    for name, color in LIMITS.items():
        heights = [getattr(point.latency, name) for point in points]
        axes.plot([p.offered for p in points], heights, "o-", color=color, label=name)
    axes.set(xscale="log", yscale="log", ylabel="latency of the answered, ms")
    _mark(axes, capacity)


def goodput(axes: Axes, points: Sequence[Point], capacity: float) -> None:
    """Good answers a second against requests offered a second."""
    offered = [point.offered for point in points]
    axes.plot(offered, [p.goodput for p in points], "o-", color="#54a24b", label="answered")
    refused = [p.offered * p.refused / max(1, p.refused + p.answered) for p in points]
    axes.plot(offered, refused, "o--", color="#bab0ac", label="refused")
    axes.set(xscale="log", ylabel="a second")
    axes.set_ylim(0, 1.6 * capacity)
    _mark(axes, capacity)


def stages(axes: Axes, points: Sequence[Point], capacity: float) -> None:
    """The median milliseconds of each stage, stacked, against requests offered a second."""
    names = list(dict.fromkeys(name for point in points for name in point.stages))
    heights = [[point.stages.get(name, 0.0) for point in points] for name in names]
    axes.stackplot([p.offered for p in points], heights, labels=names, alpha=0.8)
    axes.set(xscale="log", ylabel="median time in a stage, ms")
    _mark(axes, capacity)


def _mark(axes: Axes, capacity: float) -> None:
    axes.axvline(capacity, color="black", linewidth=0.8, linestyle=":", label="capacity")
    axes.set_xlabel("offered load, requests a second")
    axes.legend(frameon=False, fontsize="small")
