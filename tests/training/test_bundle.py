"""The trainer's bundle is the import's: same manifest, whole or absent, and the service takes it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import PIL.Image
import pytest
from onnx import TensorProto, helper

from models import bundle as bundles
from models.assembly import Description
from models.bundle import BundleError
from models.calibration import CalibrationRefused
from models.golden import Features, check
from tests import photographs
from training.bundle import STARTER_DETECTOR, calibrate_crops, count_crops, write_bundle
from training.parity import open_recognizer

RECOGNIZER = STARTER_DETECTOR.parent / bundles.RECOGNIZER
MINE = Description("mine", calibration_data="one face, warped")
ADAFACE = str(Path(sys.executable).parent / "adaface")


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, np.ndarray]:
    """21 aligned crops of 20 'persons': one real face, recolored and warped.

    Enough for the machinery; its numbers would mean nothing.
    """
    face = np.asarray(PIL.Image.open(io.BytesIO(photographs.crop())).convert("RGB"))
    persons = np.array([0, *range(20)])
    return np.stack([_warped(face, n) for n in range(len(persons))]), persons


def _warped(face: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    turn = cv2.getRotationMatrix2D((56, 56), random.uniform(-15, 15), random.uniform(0.9, 1.15))
    tinted = np.clip(face * random.uniform(0.7, 1.1, 3), 0, 255).astype(np.uint8)
    return cv2.warpAffine(tinted, turn, (112, 112), borderMode=cv2.BORDER_REFLECT)


def test_crops_calibrate_a_bundle_that_the_service_takes(
    people: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    steps: list[int] = []
    crops, persons = people
    bundle = write_bundle(RECOGNIZER, None, tmp_path / "new", MINE, crops, persons, steps.append)
    kept = bundle.manifest
    assert sum(steps) == count_crops(len(crops))
    assert kept.score is not None
    assert kept.quality is not None
    assert (kept.score.genuines, kept.score.impostors) == (1, 209)
    assert kept.score.data == kept.quality.data == "one face, warped"
    assert max(kept.quality.spearman.values()) < -0.3
    assert bundle.detector.read_bytes() == STARTER_DETECTOR.read_bytes()
    check(open_recognizer(bundle.recognizer), kept.golden)
    run = [ADAFACE, "models", "verify", str(bundle.directory)]
    assert subprocess.run(run, check=False, capture_output=True).returncode == 0


def test_the_import_makes_the_same_manifest(tmp_path: Path) -> None:
    made = write_bundle(RECOGNIZER, None, tmp_path / "trained", MINE).manifest
    run = [ADAFACE, "models", "import", RECOGNIZER, "--output", tmp_path / "new", "--name", "mine"]
    subprocess.run(run, check=True, capture_output=True)
    imported = bundles.load(tmp_path / "new").manifest
    assert made.score is made.quality is None
    assert made.id == imported.id
    assert made.model_dump(exclude={"golden"}) == imported.model_dump(exclude={"golden"})
    check(open_recognizer(tmp_path / "new" / bundles.RECOGNIZER), made.golden)


def _half(path: Path) -> None:
    path.write_bytes(RECOGNIZER.read_bytes()[:1000])


def _detector(path: Path) -> None:
    path.write_bytes(STARTER_DETECTOR.read_bytes())


def _floats(path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 112, 112])
    out = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 3, 112, 112])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["embedding"])], "g", [value], [out])
    onnx.save(helper.make_model(graph), str(path))


@pytest.mark.parametrize("write", [_half, _detector, _floats])
def test_a_file_that_is_no_recognizer_leaves_nothing_behind(tmp_path: Path, write: object) -> None:
    write(tmp_path / "bad.onnx")
    with pytest.raises(BundleError, match=r"bad\.onnx"):
        write_bundle(tmp_path / "bad.onnx", None, tmp_path / "new", MINE)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.onnx"]


def test_too_few_people_leave_nothing_behind(
    people: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    crops, persons = people
    with pytest.raises(CalibrationRefused, match="at least 20 people"):
        write_bundle(RECOGNIZER, None, tmp_path / "new", MINE, crops[:9], persons[:9])
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_not_overwritten(tmp_path: Path) -> None:
    write_bundle(RECOGNIZER, None, tmp_path / "new", MINE)
    with pytest.raises(BundleError, match="holds a bundle already"):
        write_bundle(RECOGNIZER, None, tmp_path / "new", MINE)


def test_a_norm_that_says_nothing_is_refused(people: tuple[np.ndarray, np.ndarray]) -> None:
    def deaf(crops: np.ndarray) -> Features:
        features = crops.reshape(len(crops), 112, -1).mean(axis=2)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        return Features(features.astype(np.float32), np.ones(len(crops), np.float32))

    with pytest.raises(CalibrationRefused, match="does not follow image quality"):
        calibrate_crops(deaf, *people, data="one face, warped")


def test_one_person_for_each_crop_is_asked_for(
    people: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    crops, persons = people
    for some in (persons[:-1], None):
        with pytest.raises(ValueError, match="person"):
            write_bundle(RECOGNIZER, None, tmp_path / "new", MINE, crops, some)
    assert list(tmp_path.iterdir()) == []
