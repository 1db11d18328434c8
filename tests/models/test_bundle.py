from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models import bundle as bundles
from models.bundle import BundleError
from models.degradation import DEGRADATIONS
from models.golden import Features, Golden, GoldenMismatch, check, picture, record
from models.quality import fit_quality

STARTER = Path(bundles.__file__).parent / "starter"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STARTER, tmp_path / "bundle"))


def change(directory: Path, **fields: object) -> None:
    path = directory / bundles.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_the_starter_bundle_is_whole() -> None:
    bundle = bundles.load(STARTER)
    assert bundle.recognizer.exists()
    assert bundle.manifest.id.startswith("starter-")


@pytest.mark.parametrize("name", ["recognizer.onnx", "detector.onnx", "MODEL_CARD.md"])
def test_a_flipped_byte_is_refused_by_name(directory: Path, name: str) -> None:
    body = bytearray((directory / name).read_bytes())
    body[-1] ^= 1
    (directory / name).write_bytes(body)
    with pytest.raises(BundleError, match=name):
        bundles.load(directory)


@pytest.mark.parametrize("name", ["recognizer.onnx", "bundle.json"])
def test_a_missing_file_is_refused_by_name(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(BundleError, match=name):
        bundles.load(directory)


@pytest.mark.parametrize(
    "fields",
    [
        {"schema_version": 2},
        {"colour": "green"},
        {"golden": []},
        {"alignment": "other"},
        {"files": {"recognizer.onnx": "0" * 64}},
        {"files": {"recognizer.onnx": "rubbish", "detector.onnx": "0" * 64}},
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    directory: Path, fields: dict[str, object]
) -> None:
    change(directory, **fields)
    with pytest.raises(BundleError, match=str(directory)):
        bundles.load(directory)


def test_a_manifest_cannot_name_files_elsewhere(directory: Path) -> None:
    files = json.loads((directory / bundles.MANIFEST).read_text())["files"]
    change(directory, files=files | {"../../etc/passwd": "0" * 64})
    with pytest.raises(BundleError, match="outside the bundle"):
        bundles.load(directory)


def test_a_manifest_survives_being_written(directory: Path) -> None:
    before = bundles.load(directory).manifest
    bundles.write(directory, before)
    assert bundles.load(directory).manifest == before


def test_a_bundle_may_be_uncalibrated(directory: Path) -> None:
    manifest = json.loads((directory / bundles.MANIFEST).read_text())
    change(directory, score=None, quality=None)
    uncalibrated = bundles.load(directory).manifest
    assert (uncalibrated.score, uncalibrated.quality) == (None, None)
    assert uncalibrated.id == bundles.load(STARTER).manifest.id
    del manifest["score"], manifest["quality"]
    (directory / bundles.MANIFEST).write_text(json.dumps(manifest))
    assert bundles.load(directory).manifest == uncalibrated


def project(crops: np.ndarray) -> Features:
    """A recognizer of colors: a fixed random projection."""
    weights = np.random.default_rng(0).normal(size=(48, 16))
    pooled = crops.reshape(-1, 4, 28, 4, 28, 3).mean(axis=(2, 4)).reshape(len(crops), -1)
    features = (pooled - 127.5) @ weights
    norms = np.linalg.norm(features, axis=1)
    return Features((features / norms[:, None]).astype(np.float32), norms.astype(np.float32))


def test_golden_vectors_accept_the_recognizer_they_came_from() -> None:
    check(project, tuple(record(project)))


def swapped(crops: np.ndarray) -> Features:
    return project(crops[..., ::-1])


def longer(crops: np.ndarray) -> Features:
    embeddings, norms = project(crops)
    return Features(embeddings, norms * np.float32(1.02))


def broken(crops: np.ndarray) -> Features:
    embeddings, norms = project(crops)
    return Features(embeddings * np.float32(np.nan), norms)


@pytest.mark.parametrize("other", [swapped, longer, broken])
def test_golden_vectors_refuse_another_answer(other: object) -> None:
    golden: tuple[Golden, ...] = tuple(record(project))
    with pytest.raises(GoldenMismatch):
        check(other, golden)


def test_the_golden_pictures_never_change() -> None:
    import hashlib

    digest = hashlib.sha256(picture(0).tobytes() + picture(2).tobytes()).hexdigest()
    assert digest == "0194656b2c19a1ce5e036a0ff325c87509ec6d6b853e6a5cdb91f607408aa30c"


@pytest.mark.parametrize("direction", [1, -1])
def test_the_direction_of_the_norm_is_found(direction: int) -> None:
    random = np.random.default_rng(0)
    clean, useless = random.normal(20, 1, 500), random.normal(20 - 5 * direction, 1, 500)
    fitted = fit_quality(clean, useless, data="normals")
    assert fitted.direction == direction
    scores = [fitted.score(20 + direction * step) for step in range(-9, 4)]
    assert scores == sorted(scores)
    assert min(scores) >= 0
    assert max(scores) <= 100
    assert fitted.score(float(np.median(clean))) == pytest.approx(88, abs=1)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_a_higher_level_lies_farther_from_the_original(kind: str) -> None:
    import cv2

    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (12, 12, 3), np.uint8), (112, 112))
    image = np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8)
    apart = []
    for level in (0.0, 0.3, 0.6, 1.0):
        worse = DEGRADATIONS[kind](image, level, np.random.default_rng(1))
        assert worse.shape == image.shape
        assert worse.dtype == np.uint8
        apart.append(float(np.abs(worse.astype(int) - image).mean()))
    assert apart == sorted(apart)
    assert apart[0] < 10
