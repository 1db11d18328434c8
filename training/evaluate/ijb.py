"""IJB-B and IJB-C: 1:1 over templates, and 1:N gallery by gallery as the protocol defines it.

The scripts in common use search one gallery made of both and take thresholds from impostor scores;
then every probe is mated and FPIR is not what the protocol means. Here each gallery is searched on
its own, and its non-mated probes, those whose subject it does not hold, set the thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.golden import Features
from models.identification import Searches, rank_rate, search, tpir_at_fpir
from models.metrics import tmr_interval
from training.evaluate.errors import EvaluationError
from training.evaluate.ijb_meta import Enrolled, Ijb, Pairs
from training.evaluate.measures import (
    Measure,
    OperatingPoint,
    operating_points,
    proportion,
    similarities,
    supported,
)
from training.evaluate.templates import Templates, Weighting, aggregate
from training.evaluate.verification import Comparisons

FMRS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
FPIRS = (1e-2, 1e-1)
RANKS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """1:N on one gallery: closed set over mated probes, open set at the FPIR of non-mated ones.

    A mated probe counts at FPIR where its mate reaches the threshold, whatever its rank (NIST's
    FNIR with a list as long as the gallery).
    """

    gallery: str
    subjects: int
    mated: int
    nonmated: int
    closed: list[Measure]
    open: list[Measure]


@dataclass(frozen=True, slots=True)
class IjbReport:
    """`verification` for 1:1, `identification` the mean over `galleries` of each measure.

    The interval of a mean is the mean of the intervals, which errs on the wide side.
    """

    set: str
    images: int
    templates: int
    weighting: Weighting
    genuine: int
    impostors: int
    verification: list[OperatingPoint]
    identification: list[Measure]
    galleries: list[GalleryReport]

    def measures(self) -> list[Measure]:
        pointwise = [measure for point in self.verification for measure in point.measures()]
        return [*pointwise, *self.identification]


@dataclass(frozen=True)
class Evaluation:
    """A report and what its plot is drawn from."""

    report: IjbReport
    comparisons: Comparisons
    searches: dict[str, Searches]


def evaluate_ijb(
    data: Ijb, found: Iterable[tuple[slice, Features]], weighting: Weighting
) -> Evaluation:
    """Both protocols on the features `found` of the images, given block by block."""
    templates = aggregate(found, data.faces, weighting)
    compared = compare_templates(templates, data.pairs)
    searches = {each.name: search_gallery(templates, each, data.probes) for each in data.galleries}
    galleries = [_gallery_report(each, searches[each.name]) for each in data.galleries]
    report = IjbReport(
        set=data.name,
        images=len(data.faces.names),
        templates=len(templates.ids),
        weighting=weighting,
        genuine=len(compared.genuine),
        impostors=len(compared.impostor),
        verification=operating_points(compared.genuine, compared.impostor, FMRS),
        identification=_means(galleries),
        galleries=galleries,
    )
    return Evaluation(report, compared, searches)


def compare_templates(templates: Templates, pairs: Pairs) -> Comparisons:
    """The cosines of the 1:1 list."""
    first = templates.rows(pairs.first, pairs.path)
    second = templates.rows(pairs.second, pairs.path)
    return Comparisons(similarities(templates.vectors, first, second), pairs.same)


def search_gallery(templates: Templates, gallery: Enrolled, probes: Enrolled) -> Searches:
    """Every probe template against the gallery's, mated or not."""
    return search(
        templates.vectors[templates.rows(probes.templates, probes.path)],
        probes.subjects,
        templates.vectors[templates.rows(gallery.templates, gallery.path)],
        gallery.subjects,
    )


def _gallery_report(gallery: Enrolled, searches: Searches) -> GalleryReport:
    mated = int(searches.mated.sum())
    if not mated:
        raise EvaluationError(f"{gallery.path}: no probe shows a subject of this gallery.")
    closed = [
        proportion(f"rank_{rank}", round(rank_rate(searches, rank) * mated), mated)
        for rank in RANKS
    ]
    return GalleryReport(
        gallery=gallery.name,
        subjects=len(set(gallery.subjects.tolist())),
        mated=mated,
        nonmated=len(searches.ahead) - mated,
        closed=closed,
        open=open_set(searches, FPIRS),
    )


def open_set(searches: Searches, fpirs: Sequence[float]) -> list[Measure]:
    """TPIR at each FPIR that the number of non-mated probes supports, with bootstrap intervals."""
    strangers, mates = searches.other[~searches.mated], searches.mate[searches.mated]
    rates = supported(fpirs, len(strangers))
    intervals = tmr_interval(mates, strangers, rates)
    return [
        Measure(f"tpir_at_fpir_{rate:g}", tpir_at_fpir(searches, rate), *interval)
        for rate, interval in zip(rates, intervals, strict=True)
    ]


def _means(reports: Sequence[GalleryReport]) -> list[Measure]:
    columns: dict[str, list[Measure]] = {}
    for report in reports:
        for measure in (*report.closed, *report.open):
            columns.setdefault(measure.name, []).append(measure)
    return [_mean(each) for each in columns.values() if len(each) == len(reports)]


def _mean(measures: Sequence[Measure]) -> Measure:
    table = np.array([(each.value, each.lower, each.upper) for each in measures], np.float64)
    value, lower, upper = table.mean(axis=0).tolist()
    return Measure(measures[0].name, value, lower, upper)
