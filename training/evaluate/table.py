"""Reports as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from training.evaluate.edc import EdcReport
from training.evaluate.measures import Measure
from training.evaluate.report import Beside


def measures_table(title: str, measures: Sequence[Measure]) -> Table:
    table = Table("measure", "value", "95 % interval", title=title)
    for each in measures:
        known = each.lower is not None and each.upper is not None
        interval = f"{each.lower:.2%} to {each.upper:.2%}" if known else ""
        table.add_row(each.name.replace("_", " "), f"{each.value:.2%}", interval)
    return table


def beside_table(compared: Sequence[Beside]) -> Table:
    """The published value lies inside the interval of the measured one, or it does not."""
    columns = ("measure", "measured", "published", "difference", "inside 95 %", "source")
    table = Table(*columns, title=f"beside {compared[0].model}")
    words = {True: "yes", False: "no", None: "unknown"}
    for each in compared:
        table.add_row(
            each.measure.replace("_", " "),
            f"{each.measured:.2%}",
            f"{each.published:.2%}",
            f"{100 * each.difference:+.2f}",
            words[each.inside_interval],
            each.source,
        )
    return table


def edc_table(report: EdcReport) -> Table:
    """FNMR by discarded share for each quality measure, its area beside that of random discards."""
    shares = list(report.curves[0].fnmr)
    areas = [f"area to {area.limit:g} (of random's)" for area in report.curves[0].areas]
    title = f"FNMR of {report.set} at FMR {report.fmr:g} by discarded share"
    table = Table("quality", *(f"{float(share):.0%}" for share in shares), *areas, title=title)
    for curve in report.curves:
        values = [f"{fnmr:.2%}" for fnmr in curve.fnmr.values()]
        sums = [
            f"{area.value:.4f} [{area.lower:.4f}, {area.upper:.4f}] ({area.relative:.0%})"
            for area in curve.areas
        ]
        table.add_row(curve.quality, *values, *(text.replace("[", r"\[") for text in sums))
    return table
