"""Whether another recognizer answers as its float32 original does: the gate of every variant."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.calibration import RULE_OF_THREE, pairwise
from models.golden import Features, Recognize
from models.metrics import spearman, tmr_at_fmr, tmr_interval
from training.precision import Precision

Crops: TypeAlias = NDArray[np.uint8]  # (n, 112, 112, 3) RGB
Progress: TypeAlias = Callable[[int], object]
RATES = (1e-3, 1e-2, 1e-1)
BATCH = 32


class Bar(NamedTuple):
    """What a variant must reach against float32 on crops it was not made with."""

    cosine_mean: float
    cosine_low: float  # for the first percentile of the crops
    spearman: float  # of the norms


# fp16 loses nothing that can be measured, so losing anything means an overflow. The first
# starter's INT8 reached 0.9988, 0.9977 and 0.994 (docs/adr/0003).
BARS: dict[Precision, Bar] = {
    "fp16": Bar(0.9999, 0.9995, 0.999),
    "int8": Bar(0.995, 0.985, 0.97),
}


class Matching(NamedTuple):
    """TMR at `fmr` over all pairs, each recognizer at its own threshold."""

    fmr: float
    base: float
    lower: float  # of the base's 95 % bootstrap interval
    variant: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near the variant's answers come to those of the float32 recognizer."""

    crops: int
    cosine_mean: float
    cosine_low: float
    cosine_min: float
    spearman: float
    matching: Matching | None  # None where nobody said whom the crops show

    def holds(self, bar: Bar) -> bool:
        """Whether every bar is met; not-a-number meets none."""
        return (
            self.cosine_mean >= bar.cosine_mean
            and self.cosine_low >= bar.cosine_low
            and self.spearman >= bar.spearman
            and (self.matching is None or self.matching.variant >= self.matching.lower)
        )

    def metrics(self) -> dict[str, float]:
        """For `Manifest.metrics`."""
        found = {
            "cosine_mean": self.cosine_mean,
            "cosine_low": self.cosine_low,
            "cosine_min": self.cosine_min,
            "norm_spearman": self.spearman,
        }
        if self.matching is not None:
            rate = f"tmr_at_fmr.{self.matching.fmr:g}"
            found |= {rate: self.matching.variant, f"base.{rate}": self.matching.base}
        return {f"variant.{name}": round(value, 6) for name, value in found.items()}

    def against(self, bar: Bar) -> str:
        """The numbers and what they had to be."""
        matching = "" if self.matching is None else (
            f", TMR {self.matching.variant:.4f} at FMR {self.matching.fmr:g} "
            f"(at least {self.matching.lower:.4f}; float32 {self.matching.base:.4f})"
        )  # fmt: skip
        return (
            f"cosine to float32 {self.cosine_mean:.5f} on average (at least {bar.cosine_mean}), "
            f"{self.cosine_low:.5f} at the first percentile (at least {bar.cosine_low}), lowest "
            f"{self.cosine_min:.5f}, Spearman of the norms {self.spearman:.4f} (at least "
            f"{bar.spearman}){matching}, on {self.crops:,} crops"
        )


def agree(
    base: Recognize,
    variant: Recognize,
    crops: Crops,
    persons: NDArray[Any] | None,
    progress: Progress = lambda _: None,
) -> Agreement:
    """Compares the two recognizers on `crops` (n, 112, 112, 3) uint8 RGB and all their pairs."""
    wanted, found = (_embedded(each, crops, progress) for each in (base, variant))
    cosines = (wanted.embeddings.astype(np.float64) * found.embeddings).sum(axis=1)
    return Agreement(
        crops=len(crops),
        cosine_mean=float(cosines.mean()),
        cosine_low=float(np.percentile(cosines, 1)),
        cosine_min=float(cosines.min()),
        spearman=_rank_correlation(wanted.norms, found.norms),
        matching=None if persons is None else _matching(wanted, found, persons),
    )


def _rank_correlation(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Not-a-number where all norms are equal: such crops say nothing about quality."""
    return spearman(wanted, found) if np.ptp(wanted) and np.ptp(found) else float("nan")


def _matching(wanted: Features, found: Features, persons: NDArray[Any]) -> Matching | None:
    """At the smallest rate that the impostor pairs support; None where there are too few pairs."""
    genuine, impostor = pairwise(wanted.embeddings, persons)
    rates = [rate for rate in RATES if len(impostor) * rate >= RULE_OF_THREE]
    if not rates or not len(genuine):
        return None
    (interval,) = tmr_interval(genuine, impostor, rates[:1])
    return Matching(
        fmr=rates[0],
        base=tmr_at_fmr(genuine, impostor, rates[0]),
        lower=interval[0],
        variant=tmr_at_fmr(*pairwise(found.embeddings, persons), rates[0]),
    )


def _embedded(recognize: Recognize, crops: Crops, progress: Progress) -> Features:
    answers = []
    for start in range(0, len(crops), BATCH):
        answers.append(recognize(crops[start : start + BATCH]))
        progress(len(answers[-1].norms))
    return Features(*(np.concatenate(parts) for parts in zip(*answers, strict=True)))


def speed_ratio(base: Recognize, variant: Recognize, crop: Crops, rounds: int = 21) -> float:
    """Ratio of median times, `variant` being that many times as fast; the two take turns, so that another load slows both."""
    spent: dict[Recognize, list[float]] = {base: [], variant: []}
    for _ in range(rounds + 2):
        for recognize, times in spent.items():
            started = time.perf_counter()
            recognize(crop)
            times.append(time.perf_counter() - started)
    return median(spent[base][2:]) / median(spent[variant][2:])  # the first two warm up
