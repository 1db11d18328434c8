"""A bundle is made whole or not at all, and its manifest by one function for both sides."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import bundle as bundles
from models.assembly import Calibration, Description, assembling, golden_of, manifest, name_from
from models.bundle import BundleError
from models.calibration import fit_scores
from models.golden import Features, check
from models.quality import fit_quality

random = np.random.default_rng(0)
CALIBRATION = Calibration(
    fit_scores(random.normal(0.6, 0.1, 100), random.normal(0, 0.1, 9000), data="normals"),
    fit_quality(random.normal(20, 1, 100), random.normal(10, 1, 100), data="normals"),
)


def recognize(crops: np.ndarray) -> Features:
    features = crops.reshape(len(crops), 112, -1).mean(axis=2) - 100
    norms = np.linalg.norm(features, axis=1)
    return Features((features / norms[:, None]).astype(np.float32), norms.astype(np.float32))


def assemble(out: Path, calibration: Calibration | None = None, **facts: object) -> bundles.Bundle:
    with assembling(out) as scratch:
        for name in (bundles.RECOGNIZER, bundles.DETECTOR):
            (scratch / name).write_bytes(name.encode())
        made = manifest(
            scratch,
            Description("mine", **facts),
            golden_of(recognize),
            weights=7,
            calibration=calibration,
        )
        bundles.write(scratch, made)
    return bundles.load(out)


@pytest.mark.parametrize("calibration", [None, CALIBRATION])
def test_what_was_assembled_loads_and_proves_itself(
    tmp_path: Path, calibration: Calibration | None
) -> None:
    kept = assemble(tmp_path / "new", calibration).manifest
    check(recognize, kept.golden)
    assert (kept.score, kept.quality) == (calibration or (None, None))
    assert (kept.embedding_size, kept.parameters) == (112, 7)
    assert set(kept.files) == {bundles.RECOGNIZER, bundles.DETECTOR}
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_parameters_that_are_known_are_not_counted(tmp_path: Path) -> None:
    assert assemble(tmp_path / "new", parameters=24_020_352).manifest.parameters == 24_020_352


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def half() -> None:
        with assembling(tmp_path / "new") as scratch:
            (scratch / bundles.RECOGNIZER).write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_not_overwritten(tmp_path: Path) -> None:
    assemble(tmp_path / "new")
    before = (tmp_path / "new" / bundles.MANIFEST).read_bytes()
    with pytest.raises(BundleError, match="holds a bundle already"):
        assemble(tmp_path / "new")
    assert (tmp_path / "new" / bundles.MANIFEST).read_bytes() == before


@pytest.mark.parametrize("length", [0, np.nan, np.inf])
def test_a_recognizer_that_answers_rubbish_makes_no_bundle(length: float) -> None:
    def damaged(crops: np.ndarray) -> Features:
        embeddings, norms = recognize(crops)
        return Features(embeddings, norms * np.float32(0) + np.float32(length))

    with pytest.raises(BundleError, match="weights are damaged"):
        golden_of(damaged)


def test_a_recognizer_of_single_crops_makes_no_bundle() -> None:
    def single(crops: np.ndarray) -> Features:
        return recognize(crops.reshape(1, 112, 112, 3))

    with pytest.raises(BundleError, match="dynamic batch axis"):
        golden_of(single)


def test_embeddings_no_manifest_can_hold_are_refused(tmp_path: Path) -> None:
    def short(crops: np.ndarray) -> Features:
        return recognize(crops)._replace(embeddings=np.ones((len(crops), 4), np.float32) / 2)

    with pytest.raises(BundleError, match="embedding_size"):
        manifest(tmp_path, Description("m"), golden_of(short), weights=1, calibration=None)


@settings(deadline=None)
@given(st.text(max_size=100))
def test_any_file_name_gives_a_name_a_manifest_can_hold(text: str) -> None:
    assert re.fullmatch(bundles.NAME, name_from(text))


def test_a_name_that_fits_is_kept() -> None:
    assert name_from("adaface_ir101-v1.2") == "adaface_ir101-v1.2"
    assert name_from("IR-101 (WebFace)") == "ir-101-webface"


@pytest.mark.parametrize("facts", [{"name": "Mine"}, {"name": ""}, {"name": "m", "version": "v1"}])
def test_a_description_no_manifest_can_hold_is_refused(facts: dict[str, str]) -> None:
    with pytest.raises(BundleError):
        Description(**facts)


def test_what_somebody_said_is_not_replaced_by_the_graphs_metadata() -> None:
    told = {"architecture": "ir_18", "loss": "adaface", "loss.h": "0.333", "loss.note": "text"}
    said = Description("mine", loss="arcface", loss_constants={"h": 0.5})
    assert said.completed({}) == said
    whole = said.completed(told | {"flip_fusion": "true"})
    assert (whole.architecture, whole.loss, whole.flip_fusion) == ("ir_18", "arcface", True)
    assert whole.loss_constants == {"h": 0.5}
    assert Description("mine").completed(told).loss_constants == {"h": 0.333}
