"""The starter is calibrated on people it never saw, each source by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import bundle as bundles
from tests.training.test_bundle import RECOGNIZER, people  # noqa: F401 - a fixture
from training.bundle import write_bundle
from training.starter import HELD_OUT, gathered, mislabelled


def test_the_same_name_in_two_sources_is_two_people() -> None:
    crop = np.zeros((112, 112, 3), np.uint8)
    crops, persons, sources = gathered([iter([(crop, "7"), (crop, "7")]), iter([(crop, "7")])])
    assert crops.shape == (3, 112, 112, 3)
    assert persons.tolist() == ["CelebA/7", "CelebA/7", "LFW/7"]
    assert sources.tolist() == ["CelebA", "CelebA", "LFW"]


def test_data_without_anybody_are_refused() -> None:
    with pytest.raises(ValueError, match="held out"):
        gathered([iter([]), iter([])])


def test_an_image_in_the_wrong_folder_is_found_and_a_bad_one_is_kept() -> None:
    random = np.random.default_rng(0)
    persons = np.array([f"p{n}" for n in np.repeat(np.arange(60), 5)])
    vectors = random.normal(size=(60, 64)).repeat(5, axis=0) + 0.3 * random.normal(size=(300, 64))
    vectors[7] = vectors[100] + 0.1 * random.normal(size=64)  # of p1, shows p20
    vectors[12] = random.normal(size=64)  # of p2, shows nobody
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = mislabelled(vectors.astype(np.float32), persons, np.full(300, "CelebA"))
    assert np.flatnonzero(found).tolist() == [7]


def test_strangers_are_compared_within_one_source(
    people: tuple[np.ndarray, np.ndarray],  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    crops, persons = people
    sources = np.where(np.arange(len(crops)) < 11, "CelebA", "LFW")
    made = write_bundle(
        RECOGNIZER, None, tmp_path / "new", HELD_OUT, crops, persons, sources=sources
    )
    kept = bundles.load(made.directory).manifest
    assert kept.score.impostors == (11 * 10 // 2 - 1) + 10 * 9 // 2
    assert kept.score.data == HELD_OUT.calibration_data
    assert kept.flip_fusion
    assert kept.version == "0.2.0"
