"""The far tail of impostor similarities, where nobody was counted: a generalized Pareto, fitted.

Exceedances over a high threshold follow it in the limit (Pickands 1975); with shape 0 it is the
exponential. What it says beyond the sample is extrapolated, and marked so wherever it is used.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

EXCEEDANCES = 250  # at least, where the sample allows: fewer make the shape a guess
FEWEST = 30
SHARE = 1e-3  # of the impostors, where that is more
LEAST_SHAPE = -0.5  # below it the likelihood has no maximum of the usual kind (Smith 1985)
GRID = 400
AIC_GAIN = 2.0  # what one more parameter has to be worth


class Tail(BaseModel):
    """P(impostor >= s) = `share` (1 + `shape` (s - `start`) / `scale`)^(-1 / `shape`).

    `aic_gain` is the Akaike criterion of the exponential less that of the generalized Pareto:
    above 2 the latter was taken. `distance` is the largest gap (Kolmogorov) between the fitted
    and the observed distribution of the exceedances.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["exponential", "generalized_pareto"]
    start: float = Field(ge=-1, le=1, description="Similarity from which on the tail was fitted.")
    share: float = Field(gt=0, lt=1, description="Impostors at or above it.")
    exceedances: int = Field(ge=FEWEST)
    scale: float = Field(gt=0)
    shape: float = Field(default=0.0, ge=LEAST_SHAPE)
    aic_gain: float
    distance: float = Field(ge=0, le=1)

    def beyond(self, similarity: float, rate: float, rarer: float) -> float:
        """The similarity that a share `rarer` of impostors reach, where `rate` reach `similarity`.

        The tail above any point within it has the same shape, so that it may go on from the last
        point that was counted.
        """
        scale, ratio = self._scale(similarity), float(np.log(rate / rarer))
        if abs(self.shape) < 1e-9:
            return similarity + scale * ratio
        return similarity + scale * float(np.expm1(self.shape * ratio)) / self.shape

    def rate(self, similarity: float, rate: float, higher: float) -> float:
        """The share of impostors that reach `higher`: the inverse of `beyond`."""
        excess = (higher - similarity) / self._scale(similarity)
        if abs(self.shape) < 1e-9:
            return rate * float(np.exp(-excess))
        inside = 1 + self.shape * excess
        return rate * float(inside ** (-1 / self.shape)) if inside > 0 else 0.0

    def _scale(self, similarity: float) -> float:
        return max(self.scale + self.shape * (similarity - self.start), 1e-6)


class _Fit(NamedTuple):
    scale: float
    shape: float
    likelihood: float


def fit_tail(falling: NDArray[np.float64]) -> Tail | None:
    """Fits the highest of the impostor similarities, sorted falling; None where they are too few.

    The likelihood is that of independent comparisons, so evidence for a shape is a little
    overstated where many comparisons share a face.
    """
    count = min(max(EXCEEDANCES, int(SHARE * len(falling))), len(falling) // 10)
    if count < FEWEST:
        return None
    start = float(falling[count])
    excess = falling[:count] - start
    if excess.mean() <= 1e-9:
        return None
    plain, pareto = _exponential(excess), _pareto(excess, 1 - start)
    gain = 2 * (pareto.likelihood - plain.likelihood) - 2
    curved = gain > AIC_GAIN
    chosen = pareto if curved else plain
    return Tail(
        kind="generalized_pareto" if curved else "exponential",
        start=start,
        share=count / len(falling),
        exceedances=count,
        scale=chosen.scale,
        shape=chosen.shape,
        aic_gain=round(gain, 3),
        distance=round(_distance(excess, chosen), 4),
    )


def _exponential(excess: NDArray[np.float64]) -> _Fit:
    scale = float(excess.mean())
    return _Fit(scale, 0.0, -len(excess) * (np.log(scale) + 1))


def _pareto(excess: NDArray[np.float64], room: float) -> _Fit:
    """The likelihood's maximum along theta = shape / scale (Grimshaw 1993), on a grid.

    `room` is how far an exceedance could go: a similarity can be 1, so no tail may end before.
    """
    mean = float(excess.mean())
    steep = -1 / max(room, float(excess.max()) * (1 + 1e-9))
    thetas = np.concatenate(
        [np.linspace(0.999 * steep, 0, GRID)[:-1], np.geomspace(1e-3, 2, GRID) / mean]
    )
    shapes = np.array([float(np.log1p(theta * excess).mean()) for theta in thetas])
    scales = shapes / thetas
    likelihoods = -len(excess) * (np.log(scales) + shapes + 1)
    likelihoods[shapes < LEAST_SHAPE] = -np.inf
    best = int(np.argmax(likelihoods))
    return _Fit(float(scales[best]), float(shapes[best]), float(likelihoods[best]))


def _distance(excess: NDArray[np.float64], fit: _Fit) -> float:
    rising = np.sort(excess)
    if abs(fit.shape) < 1e-9:
        fitted = -np.expm1(-rising / fit.scale)
    else:
        inside = np.maximum(1 + fit.shape * rising / fit.scale, 1e-300)
        fitted = 1 - inside ** (-1 / fit.shape)
    steps = np.arange(len(rising) + 1) / len(rising)
    return float(max(np.abs(fitted - steps[1:]).max(), np.abs(fitted - steps[:-1]).max()))
