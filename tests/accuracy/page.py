"""docs/accuracy.md, out of the report and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.evaluate.page import Row, tables
from service.evaluate.plots import plots
from tests.bench.bars import Bar, number

PLOTS = "accuracy"
Document = dict[str, Any]

HEAD = """# Accuracy, and what a threshold means
<!-- Written by `make accuracy` out of docs/accuracy/report.json; change tests/accuracy/page.py. -->

## Measure it yourself
```sh
adaface evaluate report  --bundle models/starter --images people/ --out report/ [--groups groups.csv]
adaface evaluate pairs   --bundle models/starter --images lfw/images --pairs lfw/pairs.txt [--json]
adaface evaluate quality --bundle models/starter --images lfw/images --pairs lfw/pairs.txt [--json]
```
All read whole photographs through the pipeline that serves requests; `people/` has a folder per person.
`report` writes `report.html` and `report.json`: 1:1 and 1:N error rates at the bundle's own thresholds, error
versus discard, templates, failures to enroll and, where a CSV names groups (`person,sex,...`), rates within
each. `adaface calibrate BUNDLE --report report.json` puts the calibration that these people give into the
bundle; `--images people/` measures one with more degraded images. Calibrate on people and cameras like yours.
"""

MEANING = """
## Thresholds
For each FMR from 1e-1 to 1e-6: the smallest similarity whose observed FMR does not exceed the rate. Its intervals
draw **people** anew, not comparisons: two comparisons of one face are not two pieces of evidence. A rate with fewer
than 3/rate impostor comparisons behind it (rule of three) is unsupported. Beyond the rarest supported one a tail is
fitted (generalized Pareto, or exponential where that is as good by Akaike's criterion) and gone on with;
`fmr_supported` and `fpir_supported` are false then. `probability` is a logistic of the similarity at even odds;
Cllr says in bits what it is worth, minCllr what the best monotone map of the same similarities would be.

For a search of N persons, FPIR = 1 - (1 - FMR)^(N f). Independent comparisons would mean f = 1; f is counted on
the calibrating people, templates and all, at 10 to 10,000 persons and makes thresholds only stricter. Impostors in a
calibration are random pairs: twins, siblings and people of the same age, sex and origin match more often.

## Quality
The score is a logistic of the norm: the median of clean photographs is about 88, that of barely recognizable
ones about 12. `predicted_fnmr` is what to expect of a comparison whose worse image has that score, by a falling
isotonic fit to genuine comparisons at the nearest of FMR 1e-2, 1e-3 and 1e-4. It tells whether a face can be recognized,
not whether it is pretty. A bundle is refused whose norm does not order errors: when it is calibrated, by
correlations and by the errors themselves; at every start, by the manifest's own evidence, by the sum of the
recognizer that was calibrated, and by a drawn face that has to score above its degraded copies.
"""

LIMITS = """
## What the starter bundle is not good for
- Deciding about people. It is for research and evaluation, see its [card](../models/starter/MODEL_CARD.md).
- Rare FMRs and large galleries: the misses at 1e-4 and beyond are in the first table, those of searches in the
  second. A full IR-101 misses far fewer; [import one](../README.md).
- Small, turned, covered or very dark faces, which its detector often does not find.
- Comparing groups of people: no data set with groups was at hand, so error rates by group have **not** been
  measured. Expect them to differ, and measure yours with `--groups`.
- Telling siblings and twins apart.
"""


def page(document: Document, bars: Sequence[Bar]) -> str:
    """The whole document in Markdown."""
    parts = [HEAD, _stands_on(document), _bars(bars)]
    parts += [_table(name, head, rows) for name, head, rows in tables(document) if rows]
    parts += [f"![{name}]({PLOTS}/{name}.svg)\n" for name in plots(document)]
    return "\n".join([*parts, MEANING.strip(), LIMITS.rstrip(), ""])


def _stands_on(document: Document) -> str:
    own = document["calibrated_on"] == document["data"]
    found, pairs = document["acquisition"], document["verification"]
    caution = (
        "**The thresholds of this bundle were fitted to these very photographs**, because its recognizer was "
        "trained on everybody else at hand; that FMR and FPIR agree with what was asked is therefore no "
        "evidence, and those lines count as missed below. `make train-recognizer starter` keeps people out of "
        "training and calibrates on them. FNMR, rank-1, error versus discard and templates "
        "are of people the recognizer never saw."
        if own
        else "Nobody in these photographs was trained or calibrated on."
    )
    return (
        f"## The starter bundle\n`{document['bundle']}` on {document['data']}: {pairs['persons']:,} people, "
        f"{pairs['genuines']:,} genuine and {pairs['impostors']:,} impostor comparisons. Calibrated on "
        f"{document['calibrated_on']}. {caution}\n\nNo face was found in {found['failures']} of "
        f"{found['photographs']:,} photographs, and in {found['degraded_failures']} of them after a random "
        "degradation. Intervals are 95 %, by drawing people anew. Galleries are of one template per person, over "
        "random splits into enrolled and unknown; templates (last table) are of degraded photographs at FMR 1e-3; "
        "their sizes, and the bar over all of them, were chosen after a first run at 6 images, in which the mean "
        "was slightly better (0.1629 against 0.1640).\n"
    )


def _bars(bars: Sequence[Bar]) -> str:
    lines = ["| has to hold | measured | |", "|---|---|---|"]
    for bar in bars:
        value = "-" if bar.value is None else number(bar.value) + bar.unit
        lines.append(
            f"| {bar.promise} | {value} | {bar.verdict}{'; ' if bar.note else ''}{bar.note} |"
        )
    return "\n".join([*lines, ""])


def _table(name: str, head: Row, rows: Sequence[Row]) -> str:
    lines = [f"### {name}", _cells(head), "|" + "---|" * len(head), *map(_cells, rows), ""]
    return "\n".join(lines)


def _cells(row: Row) -> str:
    return "| " + " | ".join(str(cell) for cell in row) + " |"
