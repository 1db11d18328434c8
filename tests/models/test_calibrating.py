"""One calibration out of features: thresholds, qualities, and what bad images cost."""

from __future__ import annotations

import numpy as np
import pytest

from models.assembly import Calibration
from models.calibrating import Worse, calibrated, chosen
from models.calibration import CalibrationRefused
from models.degradation import DEGRADATIONS
from models.golden import Features
from models.quality import QualityCalibration
from models.witness import NormDisagrees, check, faces, orders
from tests.models.test_bootstrap import population

LEVELS = (0.25, 0.5, 0.75, 1.0)


def measured(*, sign: int = 1, faithful: bool = True) -> Calibration:
    """Of 60 people: degrading an image turns its vector away and shortens (sign 1) its norm.

    Where it is not `faithful`, an image fails the more the better its norm says it is.
    """
    vectors, persons = population(0)
    random = np.random.default_rng(7)
    clean = Features(vectors, np.float32(20 + sign * random.normal(0, 0.5, len(vectors))))
    worse = []
    for index in chosen(persons, 100):
        for kind in DEGRADATIONS:
            for level in LEVELS:
                turned = level if faithful else 1 - level
                vector = vectors[index] + 3.0 * turned * random.normal(size=12) / np.sqrt(12)
                norm = float(20 - sign * 10 * level + random.normal())
                worse.append(Worse(index, kind, level, unit(vector), norm))
    return calibrated(clean, persons, worse, norms_of(sign), data="drawn")


def unit(vector: np.ndarray) -> np.ndarray:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def norms_of(sign: int) -> object:
    """A recognizer that likes contrast: in a blurred, noisy or coded drawing there is less."""

    def norms(images: np.ndarray) -> np.ndarray:
        return np.array([20 + sign * (0 if n == 0 else -9) for n in range(len(images))])

    return norms


@pytest.mark.parametrize("sign", [1, -1])
def test_what_bad_images_cost_is_predicted_whichever_way_the_norm_goes(sign: int) -> None:
    quality = measured(sign=sign).quality
    assert quality.direction == sign
    assert quality.witness
    good, bad = quality.predicted_fnmr(95, 1e-2), quality.predicted_fnmr(5, 1e-2)
    assert good is not None
    assert bad is not None
    assert bad > good + 0.2
    assert quality.predicted_fnmr(95, 1e-2) == quality.error_curve(1e-2).at(95)


def test_norms_that_follow_the_images_but_not_the_errors_are_refused() -> None:
    with pytest.raises(CalibrationRefused, match="FNMR does not fall with quality"):
        measured(faithful=False)


def test_images_with_a_mate_are_made_worse_first() -> None:
    persons = np.array(["a", "b", "b", "c", "d", "d", "e"])
    assert chosen(persons, 4) == [1, 2, 4, 5]
    assert set(chosen(persons, 6)) >= {1, 2, 4, 5}
    assert chosen(persons, 100) == list(range(7))


def test_a_norm_that_is_turned_round_later_gives_itself_away() -> None:
    quality = measured().quality
    check(norms_of(1), quality)
    assert orders(norms_of(1), quality)
    assert not orders(norms_of(-1), quality)
    with pytest.raises(NormDisagrees, match="norm's sign has changed"):
        check(norms_of(-1), quality)


def test_the_drawing_is_the_same_every_time_and_spoiled_in_each_way() -> None:
    first, second = faces(), faces()
    assert first.shape == (1 + len(DEGRADATIONS), 112, 112, 3)
    assert np.array_equal(first, second)
    assert all(np.abs(spoiled.astype(int) - first[0]).mean() > 2 for spoiled in first[1:])


def test_a_calibration_survives_being_written_down() -> None:
    made = measured()
    assert QualityCalibration.model_validate_json(made.quality.model_dump_json()) == made.quality
    assert type(made.score).model_validate_json(made.score.model_dump_json()) == made.score


def test_a_direction_that_contradicts_what_was_measured_is_refused() -> None:
    kept = measured().quality.model_dump()
    with pytest.raises(ValueError, match="does not order errors in direction -1"):
        QualityCalibration.model_validate(kept | {"direction": -1})
    with pytest.raises(ValueError, match="does not fall with degradation"):
        QualityCalibration.model_validate(kept | {"spearman": {"blur": 0.1}})
