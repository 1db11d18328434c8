"""The plots of a report: DET, similarities, error versus discard, predicted FNMR."""

from __future__ import annotations

from typing import Any

from service.evaluate.svg import Axis, Line, chart

Document = dict[str, Any]


def plots(document: Document) -> dict[str, str]:
    """SVG documents by name, drawn from a report's JSON alone."""
    drawn = {"det": det(document), "scores": histogram(document)}
    if document["discarding"] is not None:
        drawn["edc"] = edc(document)
    if document["identification"]:
        drawn["searches"] = searches(document)
    if (document["calibration"] or {}).get("quality", {}).get("errors"):
        drawn["quality"] = predicted(document)
    return drawn


def det(document: Document) -> str:
    """FNMR against FMR, with the bundle's own operating points."""
    curves, points = document["verification"]["curves"], document["verification"]["points"]
    lines = [
        Line("all thresholds", curves["fmr"], curves["fnmr"]),
        Line("shipped", [p["fmr"] for p in points], [p["fnmr"] for p in points]),
    ]
    y = Axis("FNMR", 1e-3, 1.0, log=True)
    return chart("Detection error trade-off", Axis("FMR", 1e-6, 1.0, log=True), y, lines)


def histogram(document: Document) -> str:
    """Shares of the genuine and the impostor similarities."""
    curves = document["verification"]["curves"]
    left = curves["edges"][:-1]
    lines = [Line(name, left, curves[name], steps=True) for name in ("impostor", "genuine")]
    top = max(*curves["impostor"], *curves["genuine"])
    return chart("Similarities", Axis("cosine", -0.4, 1.0), Axis("share", 0, top), lines)


def edc(document: Document) -> str:
    """What discarding the worst saves, by every measure."""
    found = document["discarding"]
    lines = [
        Line(each["measure"], found["shares"], each["fnmr"], steps=True) for each in found["curves"]
    ]
    top = max(max(each["fnmr"]) for each in found["curves"])
    x = Axis("discarded share of the comparisons", 0, found["shares"][-1])
    return chart("Error versus discard, degraded photographs", x, Axis("FNMR", 0, top), lines)


def searches(document: Document) -> str:
    """FPIR, FNIR and rank-1 misses against the size of the gallery."""
    found = document["identification"]
    sizes = [each["persons"] for each in found]
    lines = [
        Line("FNIR", sizes, [each["fnir"] for each in found]),
        Line("rank-1 misses", sizes, [1 - each["rank1"] for each in found]),
        Line("FPIR", sizes, [each["fpir"] for each in found]),
        Line("FPIR asked", sizes, [each["asked"] for each in found]),
    ]
    x = Axis("persons enrolled", sizes[0], max(sizes[-1], 2 * sizes[0]), log=True)
    return chart("Searches", x, Axis("rate", 1e-3, 1.0, log=True), lines)


def predicted(document: Document) -> str:
    """FNMR by quality, at each calibrated rate."""
    curves = document["calibration"]["quality"]["errors"]
    lines = [Line(f"FMR {each['fmr']:g}", each["quality"], each["fnmr"]) for each in curves]
    x, y = Axis("quality of the worse image", 0, 100), Axis("FNMR", 0, 1)
    return chart("Predicted FNMR", x, y, lines)
