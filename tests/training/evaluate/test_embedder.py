"""One embedder for bundles, graphs and checkpoints: same crops, same answers."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.golden import picture
from training import checkpoint
from training.backbones import build
from training.backbones.ir import Backbone
from training.distill import Recipe
from training.evaluate.embedder import open_embedder
from training.evaluate.errors import EvaluationError
from training.export import export

STARTER = Path(__file__).parents[3] / "models/starter"
CROPS = np.stack([picture(seed) for seed in range(3)])


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A starter network whose batch norms are not the identity."""
    torch.manual_seed(0)
    made = build("ir_starter").train()
    with torch.no_grad():
        for _ in range(3):
            made(torch.randn(8, 3, 112, 112))
    return made.eval()


@pytest.fixture(scope="module")
def student(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "student.pt"
    weights = {f"backbone.{name}": value for name, value in backbone.state_dict().items()}
    checkpoint.save(path, {"recipe": asdict(Recipe()), "student": weights})
    return path


@pytest.fixture(scope="module")
def graph(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network as an ONNX file without flip fusion."""
    path = tmp_path_factory.mktemp("graph") / "recognizer.onnx"
    export(backbone, path, flip_fusion=False)
    return path


def wanted(
    backbone: Backbone, crops: NDArray[np.uint8], *, flip: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The raw features by hand: summed before they are normalized, the norm of the crop alone."""
    with torch.no_grad():
        x = torch.from_numpy(crops.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
        own, mirrored = backbone(x).numpy(), backbone(x.flip(3)).numpy()
    total = own + mirrored if flip else own
    return total / np.linalg.norm(total, axis=1, keepdims=True), np.linalg.norm(own, axis=1)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("kind", ["student", "graph"])
def test_flip_fusion_sums_raw_features_and_keeps_the_crops_norm(
    backbone: Backbone, kind: str, flip: bool, request: pytest.FixtureRequest
) -> None:
    embed = open_embedder(request.getfixturevalue(kind), flip=flip, threads=1)
    found = embed(CROPS)
    vectors, norms = wanted(backbone, CROPS, flip=flip)
    assert found.embeddings == pytest.approx(vectors, abs=1e-4)
    assert found.norms == pytest.approx(norms, rel=1e-3)
    assert found.norms.shape == (3,)
    assert embed.flip_fusion is flip


def test_a_checkpoint_trained_on_bgr_sees_bgr(backbone: Backbone, student: Path) -> None:
    found = open_embedder(student, flip=False, threads=1, color="bgr")(CROPS)
    vectors, _ = wanted(backbone, CROPS[..., ::-1], flip=False)
    assert found.embeddings == pytest.approx(vectors, abs=1e-4)


def test_a_bundle_brings_its_architecture_and_its_own_flip_fusion() -> None:
    embed = open_embedder(STARTER, threads=1)
    manifest = json.loads((STARTER / "bundle.json").read_text())
    assert embed.architecture == "ir_starter"
    assert embed.sha256 == manifest["files"]["recognizer.onnx"]
    assert embed.flip_fusion
    assert embed.direction == manifest["quality"]["direction"]
    assert np.linalg.norm(embed(CROPS).embeddings, axis=1) == pytest.approx(1, abs=1e-5)


def test_fusion_inside_a_graph_cannot_be_left_out() -> None:
    with pytest.raises(EvaluationError, match="has flip fusion inside its graph"):
        open_embedder(STARTER / "recognizer.onnx", flip=False, threads=1)


@pytest.mark.parametrize("name", ["x.onnx", "x.ckpt", "x.pt", "x.safetensors"])
def test_what_is_no_model_is_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(EvaluationError, match="There is no model at"):
        open_embedder(tmp_path / name)
    (tmp_path / name).write_bytes(b"no model")
    with pytest.raises(EvaluationError, match=name):
        open_embedder(tmp_path / name, threads=1)


def test_a_foreign_graph_is_sent_to_the_importer() -> None:
    with pytest.raises(EvaluationError, match="adaface models import"):
        open_embedder(STARTER / "detector.onnx", threads=1)


def test_a_bundle_that_was_changed_is_refused(tmp_path: Path) -> None:
    shutil.copytree(STARTER, tmp_path / "bundle")
    with (tmp_path / "bundle/recognizer.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(EvaluationError, match="is not the file the manifest describes"):
        open_embedder(tmp_path / "bundle")
