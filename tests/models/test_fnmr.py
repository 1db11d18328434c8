"""Predicted FNMR falls with quality and tells what new comparisons do; otherwise it is refused."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from models.fnmr import ErrorCurve, fit_errors


def comparisons(seed: int, count: int = 6000, *, sign: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Similarity and quality of genuine pairs whose chance to fail is 0.6 - 0.5 q / 100."""
    random = np.random.default_rng(seed)
    quality = random.uniform(0, 100, count)
    fails = random.uniform(size=count) < 0.6 - 0.5 * quality / 100
    return np.where(fails, 0.1, 0.9), quality if sign > 0 else 100 - quality


def test_the_prediction_is_what_new_comparisons_do() -> None:
    curve = fit_errors(*comparisons(0), fmr=1e-3, threshold=0.5)
    assert curve is not None
    for quality in (10, 50, 90):
        assert curve.at(quality) == pytest.approx(0.6 - 0.005 * quality, abs=0.06)
    similarity, quality = comparisons(1)
    predicted = np.mean([curve.at(each) for each in quality])
    assert predicted == pytest.approx((similarity < 0.5).mean(), abs=0.02)


def test_a_better_image_is_never_predicted_to_fail_more() -> None:
    curve = fit_errors(*comparisons(2, 400), fmr=1e-3, threshold=0.5)
    rates = [curve.at(each) for each in np.linspace(-10, 110, 300)]
    assert rates == sorted(rates, reverse=True)


def test_a_norm_that_is_turned_round_is_refused() -> None:
    with pytest.raises(ValidationError, match="does not order errors"):
        fit_errors(*comparisons(0, sign=-1), fmr=1e-3, threshold=0.5)


def test_too_few_comparisons_or_errors_predict_nothing() -> None:
    similarity, quality = comparisons(0)
    assert fit_errors(similarity[:199], quality[:199], fmr=1e-3, threshold=0.5) is None
    assert fit_errors(np.full(6000, 0.9), quality, fmr=1e-3, threshold=0.5) is None


def test_a_curve_that_rises_is_no_curve() -> None:
    curve = fit_errors(*comparisons(0), fmr=1e-3, threshold=0.5)
    kept = curve.model_dump()
    for change in (
        {"fnmr": kept["fnmr"][::-1]},
        {"quality": kept["quality"][::-1]},
        {"fnmr": (0.1,)},
    ):
        with pytest.raises(ValidationError, match="error curve"):
            ErrorCurve.model_validate(kept | change)
