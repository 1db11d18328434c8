"""What accuracy has to hold, held against a report."""

from __future__ import annotations

import math
from typing import Any

from tests.accuracy.served import Served
from tests.bench.bars import Bar

Document = dict[str, Any]
FMR_WITHIN = {1e-2: 2.0, 1e-3: 3.0}
FPIR_WITHIN, SIZES = 2.0, (100, 600, 1000)


def judged(document: Document, served: Served, refused: int, bundles: int) -> list[Bar]:
    """Every bar: a ratio that may go either way is given as the larger of itself and its inverse."""
    return [
        *_promises(document),
        *_halves(document),
        *_fusion(document),
        _discarding(document),
        Bar(
            name="turned_norms_refused",
            promise=f"{bundles} bundles whose norm is turned round are refused",
            value=refused,
            bound=bundles,
        ),
        Bar(
            name="strangers_named",
            promise="strangers are no_match, all but 2 in 100 at an FPIR of 0.01",
            value=served.named / max(served.strangers, 1),
            bound=0.02,
            direction="at most",
            note=f"{served.strangers} strangers over HTTP, 50 people enrolled",
        ),
        Bar(
            name="named_twice",
            promise="assignment=unique names nobody twice in a photograph",
            value=served.twice if served.doubles else None,
            bound=0,
            direction="at most",
            note=f"{served.doubles} photographs that show one person twice",
        ),
    ]


def _promises(document: Document) -> list[Bar]:
    """What a threshold promises can only be judged on people it was not fitted to."""
    own = document["calibrated_on"] == document["data"]
    points = {point["asked"]: point for point in document["verification"]["points"]}
    found = {search["persons"]: search for search in document["identification"]}
    bars = [
        _off(f"fmr_{fmr:g}", f"FMR within a factor of {within:g} of {fmr:g}",
             points[fmr]["ratio"], within, own=own)
        for fmr, within in FMR_WITHIN.items()
    ]  # fmt: skip
    return bars + [
        _off(f"fpir_of_{size}", f"FPIR within a factor of 2 of 0.01, {size:,} enrolled",
             found[size]["fpir"] / found[size]["asked"] if size in found else math.nan,
             FPIR_WITHIN, own=own)
        for size in SIZES
    ]  # fmt: skip


def _halves(document: Document) -> list[Bar]:
    """The same with thresholds fitted to half of the people and tried on the other half."""
    within = {(1, fmr): factor for fmr, factor in FMR_WITHIN.items()}
    bars = []
    for half in document["halves"]:
        size, asked = half["persons"], half["asked"]
        rate = f"FMR {asked:g}" if size == 1 else f"FPIR {asked:g} of {size}"
        bars.append(
            _off(
                f"half_{rate.replace(' ', '_').lower()}",
                f"{rate}, calibrated on half of the people, holds for the other half",
                half["ratio"],
                within.get((size, asked), FPIR_WITHIN),
                own=False,
            )
        )
    return bars


def _off(name: str, promise: str, ratio: float, within: float, *, own: bool) -> Bar:
    away = max(ratio, 1 / ratio) if ratio > 0 else math.inf
    note = f"{ratio:.2f} of what was asked"
    if own:
        away, note = math.nan, f"{note}, but the thresholds were fitted to these very photographs"
    return Bar(name=name, promise=promise, value=away, bound=within, direction="at most",
               unit="" if own else "x", note=note)  # fmt: skip


def _fusion(document: Document) -> list[Bar]:
    """Over all sizes of template the weighted rule misses no more, and at none beyond chance."""
    tables = [{rule["rule"]: rule for rule in each["rules"]} for each in document["fusion"]]
    bars = []
    for other in ("mean", "max"):
        gains = [table[other]["fnmr"] - table["norm_weighted"]["fnmr"] for table in tables]
        lost = sum(table[other]["above_norm"][1] < 0 for table in tables)
        bars.append(
            Bar(
                name=f"fusion_over_{other}",
                promise=f"norm-weighted templates miss no more mates than {other}",
                value=sum(gains) / len(gains) if gains and not lost else math.nan,
                bound=0.0,
                note=f"FNMR of {other} less the weighted rule's, mean over {len(gains)} sizes of "
                f"template ({min(gains, default=0):+.4f} to {max(gains, default=0):+.4f}); worse "
                f"beyond chance at {lost}",
            )
        )
    return bars


def _discarding(document: Document) -> Bar:
    """The smallest lower bound of how much more area the other measures leave."""
    curves = (document["discarding"] or {"curves": []})["curves"]
    others = [c for c in curves if c["measure"] in {"sharpness", "size", "random"}]
    lead = min((c["above_norm"][0] for c in others), default=math.nan)
    return Bar(
        name="edc_lead",
        promise="the norm's EDC beats sharpness, face size and random on degraded photographs",
        value=lead,
        bound=1e-9,
        note="smallest lower end of the intervals of the differences in pAUC to 20 %",
    )
