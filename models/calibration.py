"""What a similarity means: thresholds for asked-for error rates, and rates for thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models import cllr
from models.bootstrap import by_person
from models.metrics import wilson
from models.searches import SearchCheck, check_searches, comparisons
from models.tail import Tail, fit_tail

Rate = Annotated[float, Field(gt=0, lt=1)]
RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
# With no error seen among n trials the 95 % upper bound is 3/n: fewer than 3/rate comparisons
# cannot support a rate (the rule of three, ISO/IEC 19795-1 annex B).
RULE_OF_THREE = 3.0
FEWEST_PERSONS = 20
MOST_FITTED = 1_000_000  # impostor scores the logistic is fitted on; their quantiles stand for more
ROWS_AT_ONCE = 256  # of the similarity matrix; the whole of it for 10,000 images takes 400 MB


class RateOutOfRange(ValueError):
    """Nobody can say which similarity stands for this rate; the message names the range."""


class CalibrationRefused(ValueError):
    """These images cannot calibrate this recognizer; the message says why."""


class Threshold(BaseModel):
    """One operating point: at `threshold` or above, `fmr` of the impostor comparisons match."""

    model_config = ConfigDict(frozen=True)

    fmr: Rate
    threshold: float = Field(ge=-1, le=1)
    false_matches: int = Field(ge=0, description="Impostor comparisons at or above the threshold.")
    fmr_lower: float = Field(
        ge=0,
        le=1,
        description="95 % interval of the observed FMR: Wilson's, or the bootstrap's over people "
        "where that is wider.",
    )
    fmr_upper: float = Field(ge=0, le=1)
    tmr: float | None = Field(default=None, ge=0, le=1, description="Genuine pairs that match.")
    tmr_lower: float | None = Field(default=None, ge=0, le=1, description="By person, 95 %.")
    tmr_upper: float | None = Field(default=None, ge=0, le=1)
    threshold_lower: float | None = Field(default=None, ge=-1, le=1, description="By person, 95 %.")
    threshold_upper: float | None = Field(default=None, ge=-1, le=1)
    supported: bool = Field(description="At least 3 / fmr impostor comparisons were made.")


class ScoreCalibration(BaseModel):
    """The impostor tail and the odds of a match, fitted on people the model never saw.

    `slope` and `intercept` give the log-likelihood ratio of a genuine against an impostor
    comparison (Platt scaling with both classes weighted alike).
    """

    model_config = ConfigDict(frozen=True)

    data: str
    impostors: int = Field(gt=0)
    genuines: int = Field(gt=0)
    thresholds: tuple[Threshold, ...] = Field(min_length=2)
    slope: float = Field(gt=0)
    intercept: float
    persons: int | None = Field(default=None, gt=0, description="People compared.")
    cllr: float | None = Field(default=None, ge=0, description="Bits; of the fitted logistic.")
    min_cllr: float | None = Field(default=None, ge=0, description="Of the best monotone fit.")
    tail: Tail | None = Field(default=None, description="What rates beyond the sample stand on.")
    searches: tuple[SearchCheck, ...] = ()

    def threshold(self, fmr: float) -> float:
        """The similarity above which `fmr` of impostor comparisons lie.

        Linear in log10(fmr) between the calibrated points; beyond the last one extrapolated by
        the fitted tail, or by the same line where there is none (`extrapolated` says so). Raises
        RateOutOfRange outside (0, largest calibrated rate].
        """
        rates, cuts = self._tail()
        if not 0 < fmr <= rates[0]:
            raise RateOutOfRange(
                f"A rate of {fmr:g} is outside what this bundle is calibrated for: "
                f"above 0, at most {rates[0]:g}."
            )
        if self.tail is not None and fmr < rates[-1]:
            return min(1.0, self.tail.beyond(float(cuts[-1]), float(rates[-1]), fmr))
        return float(np.clip(_line(-np.log10(fmr), -np.log10(rates), cuts), -1.0, 1.0))

    def fmr(self, similarity: float) -> float:
        """The rate at which impostors reach `similarity`: the inverse of `threshold`, in (0, 1]."""
        rates, cuts = self._tail()
        if self.tail is not None and similarity > cuts[-1]:
            rate = self.tail.rate(float(cuts[-1]), float(rates[-1]), similarity)
            return float(np.clip(rate, 1e-12, 1.0))
        exponent = _line(similarity, cuts, -np.log10(rates))
        return float(np.clip(10.0**-exponent, 1e-12, 1.0))

    def supported(self, fmr: float) -> bool:
        """Whether `fmr` stands on data: enough impostor comparisons were made to speak of it at
        all, and it is not beyond the largest calibrated rate.
        """
        return self.impostors * fmr >= RULE_OF_THREE and fmr <= float(self._tail()[0][0])

    def extrapolated(self, fmr: float) -> bool:
        """Whether `fmr` is rarer than the rarest rate that was counted: a fitted tail speaks."""
        return fmr < float(self._tail()[0][-1])

    def threshold_for_search(self, fpir: float, persons: int) -> tuple[float, float]:
        """(similarity, FMR) at which a non-mated search of `persons` templates finds somebody
        with probability `fpir`: FPIR = 1 - (1 - FMR)^(N f), f being what `searches` counted at
        that size, 1 where comparisons err as independent ones would.

        Raises RateOutOfRange as `threshold` does.
        """
        if not 0 < fpir < 1:
            raise RateOutOfRange(f"An FPIR of {fpir:g} is not between 0 and 1.")
        fmr = float(-np.expm1(np.log1p(-fpir) / self._comparisons(persons)))
        capped = min(fmr, float(self._tail()[0][0]))
        return self.threshold(capped), capped

    def fpir(self, similarity: float, persons: int) -> float:
        """The chance that a stranger's best candidate among `persons` reaches `similarity`."""
        rate = min(self.fmr(similarity), 1 - 1e-12)
        return float(-np.expm1(self._comparisons(persons) * np.log1p(-rate)))

    def probability(self, similarity: float) -> float:
        """P(same person) at even prior odds, in (0, 1)."""
        return float(1 / (1 + np.exp(-np.clip(self.slope * similarity + self.intercept, -50, 50))))

    def _comparisons(self, persons: int) -> float:
        """As how many independent comparisons a search of `persons` counts."""
        return comparisons(self.searches, persons)

    def _tail(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rates (falling) and similarities (rising) of the points that stand on data."""
        points = [point for point in self.thresholds if point.supported] or self.thresholds[:2]
        return np.array([p.fmr for p in points]), np.array([p.threshold for p in points])


def _line(x: float, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> float:
    """Piecewise linear through (xs, ys), xs rising, prolonged at both ends."""
    left = int(np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2))
    slope = (ys[left + 1] - ys[left]) / max(xs[left + 1] - xs[left], 1e-12)
    return float(ys[left] + slope * (x - xs[left]))


def calibrate_scores(
    vectors: NDArray[np.float32],
    persons: NDArray[Any],
    norms: NDArray[np.floating] | None = None,
    *,
    data: str,
    sources: NDArray[Any] | None = None,
) -> ScoreCalibration:
    """Calibrates on every pair among (n, d) unit `vectors`; `persons` (n,) says whom each shows.

    `norms` (n,) weigh the images of the templates that searches are checked with; without them
    all weigh alike. Intervals come from drawing people anew. With `sources` (n,) strangers are
    compared within one source only: pictures of another camera are less alike, and a threshold
    that counts on them lets too many through where there is one camera. Raises CalibrationRefused for fewer than 20 people, for no two images of any one, and for
    vectors that are not finite.
    """
    names, person = np.unique(persons, return_inverse=True)
    if len(names) < FEWEST_PERSONS:
        raise CalibrationRefused(
            f"Calibration needs faces of at least {FEWEST_PERSONS} people, {len(names)} were found."
        )
    if not np.isfinite(vectors).all():
        raise CalibrationRefused("The recognizer answers with NaN or infinity.")
    source = None if sources is None else np.unique(sources, return_inverse=True)[1]
    genuine, impostor = pairwise(vectors, person, source)
    if not len(genuine):
        raise CalibrationRefused("Calibration needs two images of at least one person.")
    fitted = fit_scores(genuine, impostor, data=data)
    weights = np.ones(len(vectors)) if norms is None else norms
    update = {
        "persons": len(names),
        "searches": _searches(vectors, person, weights, source, fitted),
    }
    return _by_person(fitted, vectors, person, source).model_copy(update=update)


def _searches(
    vectors: NDArray[np.float32],
    person: NDArray[np.integer],
    norms: NDArray[np.floating],
    source: NDArray[np.integer] | None,
    fitted: ScoreCalibration,
) -> tuple[SearchCheck, ...]:
    """Of the largest source: galleries are of one."""
    if source is not None:
        largest = source == np.bincount(source).argmax()
        vectors, norms = vectors[largest], norms[largest]
        person = np.unique(person[largest], return_inverse=True)[1]
    return check_searches(vectors, person, norms, fitted)


def _by_person(
    fitted: ScoreCalibration,
    vectors: NDArray[np.float32],
    person: NDArray[np.integer],
    source: NDArray[np.integer] | None,
) -> ScoreCalibration:
    """The same with intervals over people in every point."""
    asked = [(point.fmr, point.threshold) for point in fitted.thresholds]
    points = [
        point.model_copy(
            update={
                "fmr_lower": min(point.fmr_lower, found.fmr.lower),
                "fmr_upper": min(1.0, max(point.fmr_upper, found.fmr.upper)),
                "tmr_lower": found.tmr.lower,
                "tmr_upper": found.tmr.upper,
                "threshold_lower": max(-1.0, found.threshold.lower),
                "threshold_upper": min(1.0, found.threshold.upper),
            }
        )
        for point, found in zip(
            fitted.thresholds, by_person(vectors, person, asked, sources=source), strict=True
        )
    ]
    return fitted.model_copy(update={"thresholds": tuple(points)})


def pairwise(
    vectors: NDArray[np.float32], persons: NDArray[Any], sources: NDArray[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Genuine and impostor similarities of all pairs among (n, d) unit vectors, persons (n,).

    With `sources` (n,) strangers are compared within one of them only.
    """
    genuine, impostor = [], []
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        similarities = vectors[rows] @ vectors[start:].T
        later = np.triu(np.ones(similarities.shape, bool), k=1)  # each pair once
        same = persons[rows, None] == persons[None, start:]
        genuine.append(similarities[later & same])
        strangers = later & ~same
        if sources is not None:
            strangers &= sources[rows, None] == sources[None, start:]
        impostor.append(similarities[strangers])
    return np.concatenate(genuine).astype(np.float64), np.concatenate(impostor).astype(np.float64)


def fit_scores(
    genuine: NDArray[np.float64],
    impostor: NDArray[np.float64],
    *,
    data: str,
    rates: Sequence[float] = RATES,
) -> ScoreCalibration:
    """Calibrates on 1-D similarities of genuine and of impostor comparisons.

    Each threshold is the smallest similarity whose observed FMR does not exceed the rate, so
    the promise errs on the safe side.
    """
    falling = np.sort(impostor)[::-1]
    some = falling[:: 1 + len(falling) // MOST_FITTED]
    slope, intercept = _platt(genuine, some)
    return ScoreCalibration(
        data=data,
        impostors=len(impostor),
        genuines=len(genuine),
        thresholds=tuple(_point(rate, falling, genuine) for rate in rates),
        slope=slope,
        intercept=intercept,
        cllr=round(cllr.cllr(slope * genuine + intercept, slope * some + intercept), 5),
        min_cllr=round(cllr.min_cllr(genuine, some), 5),
        tail=fit_tail(falling),
    )


def _point(rate: float, falling: NDArray[np.float64], genuine: NDArray[np.float64]) -> Threshold:
    allowed = int(rate * len(falling))
    cut = float(np.nextafter(np.float32(falling[allowed]), np.float32(2)))
    false_matches = int((falling >= cut).sum())
    lower, upper = wilson(false_matches, len(falling))
    return Threshold(
        fmr=rate,
        threshold=min(cut, 1.0),
        false_matches=false_matches,
        fmr_lower=lower,
        fmr_upper=upper,
        tmr=float((genuine >= cut).mean()),
        supported=len(falling) * rate >= RULE_OF_THREE,
    )


def _platt(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and intercept of the logistic, each class weighing one half; Newton's method."""
    scores = np.concatenate([genuine, impostor])
    truth = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    weight = np.where(truth > 0, 0.5 / len(genuine), 0.5 / len(impostor))
    design = np.stack([scores, np.ones_like(scores)], axis=1)
    # A weak ridge keeps the slope finite when the classes do not overlap.
    ridge = np.diag([1e-5, 0.0])
    line = np.array([10.0, -3.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ line, -50, 50)))
        gradient = design.T @ (weight * (chance - truth)) + ridge @ line
        curvature = (design * (weight * chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curvature + ridge + 1e-9 * np.eye(2), gradient)
        line = line - np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-8:
            break
    return max(float(line[0]), 1e-6), float(line[1])
