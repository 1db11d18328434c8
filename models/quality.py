"""How good a face image is for recognition: the feature norm, calibrated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.calibration import CalibrationRefused
from models.fnmr import ErrorCurve
from models.metrics import spearman

LEVELS = tuple(float(level) for level in np.linspace(0.2, 1.0, 5))  # of a calibrating sweep
USELESS = 0.8  # degradation level from which a face can hardly be recognized
LEAST_CORRELATION = 0.3  # below it the norm says nothing about quality (adaface issue 6)
WORKING_FMR = 1e-4  # what FACE_FMR is where nobody set it
SWEPT = 200  # images that are made worse: 4,000 versions place the medians well enough
Sweep = Mapping[tuple[str, float], NDArray[np.floating]]  # norms by kind and level


class QualityCalibration(BaseModel):
    """Norm -> quality 0 to 100, the sigmoid form of OFIQ (ISO/IEC 29794-5).

    `direction` is +1 where a longer feature means a better image, -1 where a shorter one does:
    such models exist (AdaFace issues 6, 49), so the sign is measured, not assumed.
    """

    model_config = ConfigDict(frozen=True)

    data: str
    direction: Literal[-1, 1]
    center: float = Field(description="The norm that scores 50.")
    width: float = Field(gt=0, description="Norm units per unit of log-odds.")
    percentiles: dict[str, float] = Field(description="Norms of undegraded images.")
    spearman: dict[str, float] = Field(
        default_factory=dict, description="Quality against degradation level, per degradation."
    )
    errors: tuple[ErrorCurve, ...] = Field(
        default=(), description="FNMR by quality at thresholds of several FMRs, rarest last."
    )
    witness: bool = Field(
        default=False, description="The drawn face of `models/witness.py` is asked at every start."
    )

    @model_validator(mode="after")
    def _follows_quality(self) -> Self:
        """A sign that was changed by hand, or in copying, contradicts what was measured."""
        clean = self.percentiles.get("50")
        if clean is not None and self.direction * (clean - self.center) < 0:
            raise ValueError(
                f"the norm does not order errors in direction {self.direction:+d}: undegraded "
                f"images have a median norm of {clean:.4g}, and {self.center:.4g} scores 50"
            )
        if any(value > -LEAST_CORRELATION for value in self.spearman.values()):
            raise ValueError(
                "the norm does not order errors: its quality score does not fall with degradation"
            )
        return self

    def predicted_fnmr(self, quality: float, fmr: float = WORKING_FMR) -> float | None:
        """The share of genuine comparisons expected to fail where the worse image scores `quality`.

        At the calibrated rate nearest to `fmr`, in the log, which `error_curve` gives; None where
        the calibration has too few errors to tell.
        """
        curve = self.error_curve(fmr)
        return None if curve is None else curve.at(quality)

    def error_curve(self, fmr: float = WORKING_FMR) -> ErrorCurve | None:
        """The curve of the calibrated rate nearest to `fmr`."""
        return min(self.errors, key=lambda c: abs(math.log(c.fmr / fmr)), default=None)

    def score(self, norm: float) -> float:
        """Quality in [0, 100], rounded to two decimals.

        Two decimals keep the order of good images: rounded to integers the best share a score.
        """
        odds = self.direction * (norm - self.center) / self.width
        return round(100 / (1 + math.exp(-min(max(odds, -50.0), 50.0))), 2)


def fit_quality(
    clean: NDArray[np.floating], degraded: NDArray[np.floating], *, data: str
) -> QualityCalibration:
    """Calibrates on the norms of undegraded images and of the same images made barely usable.

    The middle between the two medians scores 50, the clean median about 88 (log-odds 2) and the
    other about 12: the scale spans the whole way from good to useless.
    """
    direction: Literal[-1, 1] = 1 if np.median(clean) >= np.median(degraded) else -1
    center = float(np.median(clean) + np.median(degraded)) / 2
    width = max(abs(float(np.median(clean)) - center) / 2, 1e-3)
    marks = (1, 5, 10, 25, 50, 75, 90, 95, 99)
    return QualityCalibration(
        data=data,
        direction=direction,
        center=center,
        width=width,
        percentiles={str(p): float(np.percentile(clean, p)) for p in marks},
    )


def calibrate_quality(
    clean: NDArray[np.floating], sweep: Sweep, *, data: str
) -> QualityCalibration:
    """Calibrates on the norms of undegraded images and of some of them made worse.

    `clean` (n,); `sweep` holds the norms for each kind of degradation at each level in 0 to 1,
    0 being the same images untouched. Raises CalibrationRefused where the score that follows
    does not fall with the level of every kind (Spearman at most -0.3), or nothing was left of
    the images made useless.
    """
    useless = np.concatenate([[], *(norms for (_, x), norms in sweep.items() if x >= USELESS)])
    if not len(useless):
        raise CalibrationRefused("No face was found in any image that was made barely usable.")
    fitted = fit_quality(clean, useless, data=data)
    kinds = dict.fromkeys(kind for kind, _ in sweep)
    correlations = {kind: _correlation(sweep, kind, fitted) for kind in kinds}
    if not max(correlations.values()) <= -LEAST_CORRELATION:
        raise CalibrationRefused(
            "The norm of this recognizer does not follow image quality: "
            + ", ".join(f"{kind} {value:+.2f}" for kind, value in correlations.items())
            + f" (Spearman with degradation; at most {-LEAST_CORRELATION:+.1f} is needed)."
        )
    return fitted.model_copy(update={"spearman": correlations})


def _correlation(sweep: Sweep, kind: str, fitted: QualityCalibration) -> float:
    """0 where every score is the same: such a norm follows nothing."""
    pairs = [(x, fitted.score(n)) for (k, x), norms in sweep.items() if k == kind for n in norms]
    levels, scores = np.array(pairs).T
    return round(falls_with(levels, scores), 4) if np.ptp(scores) else 0.0


def falls_with(levels: NDArray[np.floating], quality: NDArray[np.floating]) -> float:
    """Spearman correlation of quality with degradation level; -1 is a perfect quality measure."""
    return spearman(levels, quality)
