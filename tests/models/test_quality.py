"""Norms are calibrated only where they follow what is done to the images."""

from __future__ import annotations

import numpy as np
import pytest

from models.calibration import CalibrationRefused
from models.quality import LEVELS, calibrate_quality

KINDS = ("blur", "noise")
CLEAN = np.random.default_rng(0).normal(20, 1, 200)


def sweep(**fall: float) -> dict[tuple[str, float], np.ndarray]:
    """Norms that fall by so much from level 0 to 1, for each kind."""
    random = np.random.default_rng(1)
    return {
        (kind, level): random.normal(20 - drop * level, 1, 50)
        for kind, drop in fall.items()
        for level in (0.0, *LEVELS)
    }


@pytest.mark.parametrize("direction", [1, -1])
def test_the_score_falls_with_degradation_whichever_way_the_norm_goes(direction: int) -> None:
    fitted = calibrate_quality(
        CLEAN, sweep(blur=8 * direction, noise=8 * direction), data="normals"
    )
    assert fitted.direction == direction
    assert set(fitted.spearman) == set(KINDS)
    assert max(fitted.spearman.values()) < -0.8
    assert fitted.score(20) > 80
    assert fitted.score(20 - 8 * direction) < 20


@pytest.mark.parametrize("noise", [0.0, -8.0])
def test_a_norm_deaf_to_one_kind_of_degradation_is_refused_by_name(noise: float) -> None:
    with pytest.raises(CalibrationRefused, match=r"noise [+-]"):
        calibrate_quality(CLEAN, sweep(blur=8, noise=noise), data="normals")


def test_a_norm_that_is_always_the_same_is_refused() -> None:
    flat = {key: np.ones(50) for key in sweep(blur=8, noise=8)}
    with pytest.raises(CalibrationRefused, match="does not follow"):
        calibrate_quality(np.ones(50), flat, data="ones")


def test_without_any_bad_image_there_is_nothing_to_learn_from() -> None:
    mild = {key: norms for key, norms in sweep(blur=8).items() if key[1] < 0.5}
    with pytest.raises(CalibrationRefused, match="No face was found"):
        calibrate_quality(CLEAN, mild, data="normals")
