"""Reports as pictures: DET with its interval, score histograms, EDC, CMC. No display is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, PercentFormatter

from models.calibration import RULE_OF_THREE
from models.discard import Curve
from models.identification import Searches, rank_rate
from models.metrics import tmr_at_fmr, tmr_interval
from training.evaluate.edc import EdcReport
from training.evaluate.verification import Comparisons

POINTS = 60
RANKS = range(1, 21)


def plot_verification(path: Path, title: str, compared: Comparisons) -> None:
    """DET and histograms of a 1:1 protocol, as PNG."""
    figure, (left, right) = _figure(title, 2)
    _det(left, compared)
    _histograms(right, compared)
    _write(figure, path)


def plot_ijb(
    path: Path, title: str, compared: Comparisons, searches: Mapping[str, Searches]
) -> None:
    """DET and histograms of 1:1, and the DET of each gallery of 1:N."""
    figure, (left, middle, right) = _figure(title, 3)
    _det(left, compared)
    _histograms(middle, compared)
    _open_set(right, searches)
    _write(figure, path)


def plot_ranks(path: Path, title: str, searches: Searches) -> None:
    """The cumulative match characteristic."""
    figure, (axes,) = _figure(title, 1)
    axes.plot(RANKS, [rank_rate(searches, rank) for rank in RANKS], marker="o", markersize=3)
    axes.set(xlabel="rank", ylabel="mated probes found", title="CMC")
    axes.xaxis.set_ticks([1, 5, 10, 15, 20])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _write(figure, path)


def plot_edc(path: Path, report: EdcReport, curves: Mapping[str, Curve]) -> None:
    """FNMR against the discarded share, up to half, each quality and the two bounds."""
    figure, (axes,) = _figure(f"{report.set}: EDC at FMR {report.fmr:g}", 1)
    styles = {"random": ("gray", ":"), "oracle": ("black", "--")}
    for name, curve in curves.items():
        shares = np.arange(len(curve)) / len(curve)
        shown = shares <= 0.5
        color, style = styles.get(name, (None, "-"))
        axes.step(
            shares[shown], curve[shown], where="post", label=name, color=color, linestyle=style
        )
    axes.set(xlabel="discarded", ylabel="FNMR of the kept pairs", xlim=(0, 0.5))
    axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    axes.legend()
    _write(figure, path)


def _figure(title: str, panels: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5.5 * panels, 4.5), layout="constrained")
    figure.suptitle(title)
    axes = [figure.add_subplot(1, panels, n + 1) for n in range(panels)]
    for each in axes:
        each.grid(visible=True, alpha=0.3)
    return figure, axes


def _rates(trials: int) -> list[float]:
    """Rates from what `trials` support up to 1/2, evenly in the logarithm."""
    least = min(0.5, RULE_OF_THREE / max(1, trials))
    return [float(rate) for rate in np.geomspace(least, 0.5, POINTS)]


def _det(axes: Axes, compared: Comparisons) -> None:
    genuine, impostor = compared.genuine, np.sort(compared.impostor)
    rates = _rates(len(impostor))
    fnmr = [1 - tmr_at_fmr(genuine, impostor, rate) for rate in rates]
    band = np.array(tmr_interval(genuine, impostor, rates, replicates=500))
    floor = 0.3 / len(genuine)  # a logarithmic axis has no zero
    axes.fill_between(
        rates, np.maximum(1 - band[:, 1], floor), np.maximum(1 - band[:, 0], floor), alpha=0.25
    )
    axes.plot(rates, np.maximum(fnmr, floor))
    _logarithmic(axes)
    axes.set(xlabel="FMR", ylabel="FNMR", title="DET, 95 % interval")


def _histograms(axes: Axes, compared: Comparisons) -> None:
    bins = np.linspace(float(compared.scores.min()), float(compared.scores.max()), POINTS)
    for name, scores in (("genuine", compared.genuine), ("impostor", compared.impostor)):
        axes.hist(scores, bins=bins.tolist(), density=True, alpha=0.6, label=name)
    axes.set(xlabel="cosine", ylabel="density", title="scores")
    axes.legend()


def _open_set(axes: Axes, searches: Mapping[str, Searches]) -> None:
    for name, each in searches.items():
        mates, strangers = each.mate[each.mated], each.other[~each.mated]
        if not len(strangers):
            continue
        rates, floor = _rates(len(strangers)), 0.3 / len(mates)
        fnir = [1 - tmr_at_fmr(mates, strangers, rate) for rate in rates]
        axes.plot(rates, np.maximum(fnir, floor), label=f"gallery {name}")
    _logarithmic(axes)
    axes.set(xlabel="FPIR", ylabel="FNIR", title="1:N by gallery")
    if axes.lines:
        axes.legend()


def _logarithmic(axes: Axes) -> None:
    """Both axes by decades; labels between them would run into each other."""
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())


def _write(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png", dpi=120)
