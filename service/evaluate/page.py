"""A report as one HTML file that needs nothing else: tables, and plots drawn into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from service.evaluate.plots import plots

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #bbb;padding:.2rem .6rem;"
    "text-align:right}td:first-child,th:first-child{text-align:left}svg{margin:.5rem}"
)
Row = Sequence[object]


def page(document: dict[str, Any]) -> str:
    """The whole page."""
    title = f"{document['bundle']} on {document['data']}"
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(_summary(document))}</p>"]
    body += [
        f"<h2>{name}</h2>{_table(head, rows)}" for name, head, rows in tables(document) if rows
    ]
    body += ["<h2>Plots</h2>", *plots(document).values()]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><body>{''.join(body)}</body></html>\n"
    )


def _summary(document: dict[str, Any]) -> str:
    found, all_pairs = document["acquisition"], document["verification"]
    return (
        f"{all_pairs['persons']:,} people, {all_pairs['genuines']:,} genuine and "
        f"{all_pairs['impostors']:,} impostor comparisons; thresholds as shipped, calibrated on "
        f"{document['calibrated_on']}. No face was found in {found['failures']} of "
        f"{found['photographs']} photographs ({found['fte']:.2%}), in {found['degraded_failures']} "
        f"of them when degraded. Intervals are 95 %, by drawing people anew."
    )


def tables(document: dict[str, Any]) -> list[tuple[str, Row, list[Row]]]:
    """Heading, column names and rows of every table, as text but for the numbers' order."""
    return [
        (
            "1:1",
            ("FMR asked", "threshold", "FMR", "interval", "FNMR", "interval"),
            _points(document),
        ),
        (
            "1:N",
            ("persons", "FPIR asked", "FPIR", "interval", "FNIR", "rank-1"),
            _searches(document),
        ),
        (
            "Calibrated on half of the people, tried on the other half",
            ("rate", "counted over asked", "over random halves"),
            _halves(document),
        ),
        (
            "Error versus discard",
            ("quality measure", "pAUC to 20 %", "interval", "of random", "above the norm's"),
            _discards(document),
        ),
        ("Templates", ("at most", "FNMR", "interval", "above the weighted"), _fusion(document)),
        (
            "Groups",
            ("group", "persons", "FMR", "interval", "FNMR", "interval"),
            _groups(document),
        ),
    ]


def _points(document: dict[str, Any]) -> list[Row]:
    return [
        (
            f"{p['asked']:g}" + ("" if p["supported"] else " (extrapolated)"),
            f"{p['threshold']:.4f}",
            f"{p['fmr']:.2e}",
            f"{p['fmr_lower']:.1e} to {p['fmr_upper']:.1e}",
            f"{p['fnmr']:.4f}",
            f"{p['fnmr_lower']:.4f} to {p['fnmr_upper']:.4f}",
        )
        for p in document["verification"]["points"]
    ]


def _searches(document: dict[str, Any]) -> list[Row]:
    return [
        (
            f"{s['persons']:,}",
            f"{s['asked']:g}",
            f"{s['fpir']:.4f}",
            f"{s['fpir_lower']:.4f} to {s['fpir_upper']:.4f}",
            f"{s['fnir']:.4f}",
            f"{s['rank1']:.4f}",
        )
        for s in document["identification"]
    ]


def _halves(document: dict[str, Any]) -> list[Row]:
    return [
        (
            f"FMR {h['asked']:g}"
            if h["persons"] == 1
            else f"FPIR {h['asked']:g} of {h['persons']:,}",
            f"{h['ratio']:.2f}",
            f"{h['least']:.2f} to {h['most']:.2f}",
        )
        for h in document["halves"]
    ]


def _discards(document: dict[str, Any]) -> list[Row]:
    found = document["discarding"] or {"curves": []}
    return [
        (
            c["measure"],
            f"{c['area']:.4f}",
            f"{c['lower']:.4f} to {c['upper']:.4f}",
            f"{c['relative']:.3f}",
            _between(c["above_norm"]),
        )
        for c in found["curves"]
    ]


def _fusion(document: dict[str, Any]) -> list[Row]:
    return [
        (
            f"{each['images']} images, {rule['rule']}",
            f"{rule['fnmr']:.4f}",
            f"{rule['lower']:.4f} to {rule['upper']:.4f}",
            _between(rule["above_norm"]),
        )
        for each in document["fusion"]
        for rule in each["rules"]
    ]


def _groups(document: dict[str, Any]) -> list[Row]:
    return [
        (
            f"{g['column']}: {g['group']}",
            f"{g['persons']:,}",
            f"{g['fmr']:.2e}",
            f"{g['fmr_lower']:.1e} to {g['fmr_upper']:.1e}",
            "-" if g["fnmr"] is None else f"{g['fnmr']:.4f}",
            "-" if g["fnmr"] is None else f"{g['fnmr_lower']:.4f} to {g['fnmr_upper']:.4f}",
        )
        for g in document["groups"]
    ]


def _between(interval: Sequence[float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:+.4f} to {interval[1]:+.4f}"


def _table(head: Row, rows: Iterable[Row]) -> str:
    cells = "".join(f"<th>{escape(str(name))}</th>" for name in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{cells}</tr>{lines}</table>"
