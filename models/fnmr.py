"""Which share of genuine comparisons fails, by the quality of the worse image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.cllr import isotonic

BINS = 40
FEWEST_PAIRS = 200
FEWEST_ERRORS = 20


class ErrorCurve(BaseModel):
    """FNMR at `threshold`, the one of `fmr`, at each `quality`; linear in between.

    A falling isotonic fit to genuine comparisons, by the smaller quality of the two images:
    `quality` rises, `fnmr` never does. `lower_half` and `upper_half` are the raw rates of the
    comparisons below and above the median quality, the evidence that the norm orders errors.
    """

    model_config = ConfigDict(frozen=True)

    fmr: float = Field(gt=0, lt=1)
    threshold: float = Field(ge=-1, le=1)
    pairs: int = Field(gt=0)
    errors: int = Field(gt=0)
    quality: tuple[float, ...] = Field(min_length=1)
    fnmr: tuple[float, ...] = Field(min_length=1)
    lower_half: float = Field(ge=0, le=1)
    upper_half: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> ErrorCurve:
        if len(self.quality) != len(self.fnmr):
            raise ValueError("an error curve needs one rate for each quality")
        if np.any(np.diff(self.quality) <= 0) or np.any(np.diff(self.fnmr) > 0):
            raise ValueError("an error curve's rates have to fall as quality rises")
        if self.upper_half >= self.lower_half:
            raise ValueError(
                f"the norm does not order errors: {self.upper_half:.1%} of the better half of the "
                f"comparisons fail and {self.lower_half:.1%} of the worse"
            )
        return self

    def at(self, quality: float) -> float:
        """The FNMR expected where the worse image has this quality, in [0, 1]."""
        return float(np.interp(quality, self.quality, self.fnmr))


def fit_errors(
    similarity: NDArray[np.floating],
    quality: NDArray[np.floating],
    *,
    fmr: float,
    threshold: float,
) -> ErrorCurve | None:
    """The curve of (n,) genuine comparisons; None where too few of them were made or failed.

    Raises ValueError where those of lower quality fail no more often than the others.
    """
    errors = np.asarray(similarity, np.float64) < threshold
    if len(errors) < FEWEST_PAIRS or errors.sum() < FEWEST_ERRORS:
        return None
    order = np.argsort(quality, kind="stable")
    ranked, wrong = np.asarray(quality, np.float64)[order], errors[order].astype(np.float64)
    half = len(wrong) // 2
    knots, rates = _binned(ranked, wrong)
    return ErrorCurve(
        fmr=fmr,
        threshold=threshold,
        pairs=len(wrong),
        errors=int(wrong.sum()),
        quality=tuple(knots),
        fnmr=tuple(rates),
        lower_half=round(float(wrong[:half].mean()), 5),
        upper_half=round(float(wrong[half:].mean()), 5),
    )


def _binned(
    ranked: NDArray[np.float64], wrong: NDArray[np.float64]
) -> tuple[list[float], list[float]]:
    """Bins of equal counts, pooled until their rates fall: the mean quality and rate of each pool."""
    bins = np.array_split(np.arange(len(ranked)), min(BINS, len(ranked) // 20))
    sizes = np.array([len(each) for each in bins], np.float64)
    middles = np.array([ranked[each].mean() for each in bins])
    rates = -isotonic(-np.array([wrong[each].mean() for each in bins]), sizes)
    knots, falling = [], []
    for rate in dict.fromkeys(rates.tolist()):
        pool = rates == rate
        knots.append(round(float(np.average(middles[pool], weights=sizes[pool])), 3))
        falling.append(round(rate, 5))
    kept = np.concatenate([[True], np.diff(knots) > 0])
    return [k for k, keep in zip(knots, kept, strict=True) if keep], [
        r for r, keep in zip(falling, kept, strict=True) if keep
    ]
