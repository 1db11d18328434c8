"""Published numbers to put beside one's own, in percent as printed.

Sources: the README of github.com/mk-minchul/AdaFace (c60eaa7, lines 167-263), and the README of
github.com/mk-minchul/CVLface (d3d09c9, lines 44-59), which evaluates its models in one pipeline.
Accuracies are of the 400-threshold grid, TMR that of the nearest FMR: each is compared with the
value of the same convention.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.evaluate.errors import EvaluationError

ADAFACE, CVLFACE = "AdaFace README", "CVLface README"
ALIASES = {"agedb30": "agedb", "cfpff": "cfp_ff", "cfpfp": "cfp_fp"}

PAIR_SETS = ("lfw", "cfp_fp", "cplfw", "calfw", "agedb")
PAIRS = """
ir_18  casia       99.13 92.59 87.00 92.65 92.72
ir_18  vgg2        99.47 97.13 91.72 93.90 94.07
ir_18  webface4m   99.53 97.26 92.28 95.52 96.47
ir_50  casia       99.42 96.41 89.97 93.23 94.38
ir_50  ms1mv2      99.82 97.86 92.83 96.07 97.85
ir_50  webface4m   99.78 98.97 94.17 95.98 97.78
ir_101 ms1mv2      99.82 98.49 93.53 96.08 98.05
ir_101 ms1mv3      99.78 98.91 93.93 96.02 98.17
ir_101 webface4m   99.80 99.17 94.63 96.05 97.90
ir_101 webface12m  99.82 99.26 94.57 96.12 98.00
"""
IJB = """
ir_18  vgg2        90.67 92.95
ir_18  webface4m   93.03 94.99
ir_50  ms1mv2      94.82 96.27
ir_50  webface4m   95.44 96.98
ir_101 ms1mv2      95.67 96.89
ir_101 ms1mv3      95.84 97.09
ir_101 webface4m   96.03 97.39
ir_101 webface12m  96.41 97.66
"""
TINYFACE = """
ir_101 ms1mv2      68.21 71.54
ir_101 webface4m   72.02 74.52
ir_101 webface12m  72.29 74.97
"""
# lfw cplfw cfp_fp calfw agedb ijbb ijbc tinyface-rank-1 tinyface-rank-5
CVLFACE_ROWS = """
ir_18  casia       99.22 87.00 94.93 92.65 92.68 30.36 37.10 56.20 61.43
ir_18  vgg2        99.53 91.73 97.64 93.90 94.07 90.07 92.40 64.62 69.15
ir_18  webface4m   99.58 92.28 97.80 95.52 96.48 92.75 94.79 66.07 70.71
ir_50  casia       99.37 90.02 97.04 93.43 94.40 46.04 52.97 59.44 64.14
ir_50  ms1mv2      99.85 92.85 98.09 96.07 97.85 94.86 96.20 64.99 68.88
ir_50  webface4m   99.78 94.17 98.99 95.98 97.78 95.49 97.01 70.20 73.93
ir_101 ms1mv2      99.80 93.53 98.61 96.12 98.05 95.59 96.81 68.11 71.49
ir_101 ms1mv3      99.83 93.92 99.09 96.02 98.18 95.82 97.05 67.95 71.03
ir_101 webface4m   99.83 94.63 99.27 96.05 97.90 96.10 97.46 72.13 74.49
ir_101 webface12m  99.82 94.57 99.24 96.12 98.00 96.46 97.72 72.42 74.81
"""
ACCURACY, TMR = "accuracy_on_grid", "tmr_nearest_fmr_0.0001"
CVLFACE_COLUMNS = (
    ("lfw", ACCURACY),
    ("cplfw", ACCURACY),
    ("cfp_fp", ACCURACY),
    ("calfw", ACCURACY),
    ("agedb", ACCURACY),
    ("ijbb", TMR),
    ("ijbc", TMR),
    ("tinyface", "rank_1"),
    ("tinyface", "rank_5"),
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """One published number, as a share in [0, 1]."""

    model: str
    set: str
    measure: str
    value: float
    source: str


def _rows(table: str, columns: tuple[tuple[str, str], ...], source: str) -> list[Anchor]:
    anchors = []
    for line in table.strip().splitlines():
        architecture, data, *values = line.split()
        model = f"{architecture}/{data}"
        anchors += [
            Anchor(model, name, measure, round(float(value) / 100, 6), source)
            for (name, measure), value in zip(columns, values, strict=True)
        ]
    return anchors


ANCHORS = (
    *_rows(PAIRS, tuple((name, ACCURACY) for name in PAIR_SETS), ADAFACE),
    *_rows(IJB, (("ijbb", TMR), ("ijbc", TMR)), ADAFACE),
    *_rows(TINYFACE, (("tinyface", "rank_1"), ("tinyface", "rank_5")), ADAFACE),
    *_rows(CVLFACE_ROWS, CVLFACE_COLUMNS, CVLFACE),
)


def canonical(name: str) -> str:
    """The name of a set as anchors have it: agedb_30, AgeDB-30 and agedb are one."""
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    return ALIASES.get(plain, plain)


def published(model: str) -> list[Anchor]:
    """All anchors of `model`, like 'ir_101/webface4m'; EvaluationError lists what is known."""
    found = [anchor for anchor in ANCHORS if anchor.model == model.lower().strip()]
    if not found:
        known = ", ".join(dict.fromkeys(anchor.model for anchor in ANCHORS))
        raise EvaluationError(f"Nothing is published for {model!r} here; known are {known}.")
    return found
