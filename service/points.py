"""The operating points that queries ask for, by an error rate or by a threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from models.calibration import RateOutOfRange, ScoreCalibration
from service import schemas
from service.decision import Point
from service.errors import InvalidRequest, Uncalibrated, UnsupportedRate
from service.gallery import CollectionSettings
from service.runtime import Service


class Asked(Protocol):
    """What a query or a collection's settings say of where to decide."""

    @property
    def fpir(self) -> float | None: ...
    @property
    def threshold(self) -> float | None: ...


def verification_point(service: Service, query: schemas.VerifyQuery) -> Point:
    """The operating point of a comparison, asked for by rate or by threshold.

    Raises InvalidRequest for both, UnsupportedRate for an FMR outside the calibration and
    Uncalibrated for any where there is none.
    """
    _one_of("fmr", query.fmr, query.threshold)
    if query.threshold is not None:
        return point_at(service.bundle.manifest.score, query.threshold)
    return _point_for(calibration(service), query.fmr or service.settings.fmr)


def search_point(
    service: Service,
    query: Asked,
    settings: CollectionSettings,
    persons: int,
    site: ScoreCalibration | None = None,
) -> Point:
    """The operating point of a search among `persons`; raises as `verification_point` does.

    What the query leaves open, the collection's settings say, and after them the service's. `site`
    is a calibration in the place of the bundle's own.
    """
    _one_of("fpir", query.fpir, query.threshold)
    asked: Asked = query if (query.fpir, query.threshold) != (None, None) else settings
    if asked.threshold is not None:
        known = site or service.bundle.manifest.score
        fpir = None if known is None else known.fpir(asked.threshold, persons)
        return point_at(known, asked.threshold)._replace(fpir=fpir, persons=persons)
    scores, fpir = site or calibration(service), asked.fpir or service.settings.fpir
    with _calibrated():
        _, fmr = scores.threshold_for_search(fpir, persons)
    return _point_for(scores, fmr)._replace(fpir=fpir, persons=persons)


def point_at(scores: ScoreCalibration | None, threshold: float) -> Point:
    """The point of a given threshold, with the rates it stands for where they are known."""
    if scores is None:
        return Point(threshold)
    fmr = scores.fmr(threshold)
    return Point(threshold, fmr, scores.supported(fmr), slope=scores.slope)


def calibration(service: Service) -> ScoreCalibration:
    """That of the bundle in service. Raises Uncalibrated."""
    if (scores := service.bundle.manifest.score) is None:
        raise Uncalibrated(
            f"The bundle {service.bundle.manifest.id} is not calibrated, so nobody knows its error "
            "rates: pass a threshold (a cosine, -1 to 1) instead, or calibrate it on photographs "
            "('adaface calibrate', or 'adaface models import' with --images)."
        )
    return scores


def interval(scores: ScoreCalibration, fmr: float) -> tuple[float, float] | None:
    """The similarities between which the threshold of `fmr` lies with 95 % confidence.

    Those of the nearest calibrated rate that stands on data, moved to the threshold of `fmr`. None
    for a calibration of an older release, which has none.
    """
    known = [each for each in scores.thresholds if each.supported]
    near = min(known, key=lambda each: abs(math.log(each.fmr / fmr)), default=None)
    if near is None or near.threshold_lower is None or near.threshold_upper is None:
        return None
    moved = scores.threshold(fmr) - near.threshold
    return near.threshold_lower + moved, near.threshold_upper + moved


def _point_for(scores: ScoreCalibration, fmr: float) -> Point:
    with _calibrated():
        threshold = round(scores.threshold(fmr), 6)
    return Point(
        threshold,
        fmr,
        scores.supported(fmr),
        interval=interval(scores, fmr),
        slope=scores.slope,
    )


def _one_of(rate: str, given: float | None, threshold: float | None) -> None:
    if given is not None and threshold is not None:
        raise InvalidRequest(f"Give either {rate} or threshold: each of them sets the other.")


@contextmanager
def _calibrated() -> Iterator[None]:
    """Says as a problem what the calibration refuses."""
    try:
        yield
    except RateOutOfRange as error:
        raise UnsupportedRate(str(error)) from error
