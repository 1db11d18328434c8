"""The exported graph answers as PyTorch does, in the shape every bundle has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from models.golden import picture
from training import checkpoint
from training.backbones import build
from training.backbones.ir import Backbone
from training.distill import Recipe
from training.export import Recognizer, export, load_backbone


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
def exported(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "recognizer.onnx"
    export(backbone, path, flip_fusion=True)
    return path


def answers(path: Path, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["embedding", "norm"], {"images": crops})


@pytest.mark.parametrize("count", [1, 2, 5])
def test_onnx_runtime_answers_like_torch(backbone: Backbone, exported: Path, count: int) -> None:
    crops = np.stack([picture(seed) for seed in range(count)])
    embedding, norm = answers(exported, crops)
    with torch.no_grad():
        wanted, length = Recognizer(backbone, flip_fusion=True)(torch.from_numpy(crops))
    assert np.allclose(embedding, wanted.numpy(), atol=1e-4)
    assert np.allclose(norm, length.numpy(), rtol=1e-3)
    assert np.allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)


def test_a_mirrored_face_has_the_same_embedding_but_its_own_norm(exported: Path) -> None:
    crop = picture(0)[np.newaxis]
    plain, mirrored = answers(exported, crop), answers(exported, crop[:, :, ::-1].copy())
    assert np.allclose(plain[0], mirrored[0], atol=1e-4)
    assert not np.allclose(plain[1], mirrored[1], rtol=1e-4)


def test_a_black_image_has_a_finite_answer(exported: Path) -> None:
    embedding, norm = answers(exported, np.zeros((1, 112, 112, 3), np.uint8))
    assert np.isfinite(embedding).all()
    assert np.isfinite(norm).all()


def test_the_starter_fits_its_budget(backbone: Backbone, exported: Path) -> None:
    assert sum(weight.numel() for weight in backbone.parameters()) <= 2_200_000
    assert exported.stat().st_size <= 9_000_000
    assert list(exported.parent.iterdir()) == [exported]


def test_a_checkpoint_is_exported_by_the_command(backbone: Backbone, tmp_path: Path) -> None:
    from dataclasses import asdict

    weights = {f"backbone.{name}": value for name, value in backbone.state_dict().items()}
    state = {"recipe": asdict(Recipe()), "student": weights}
    checkpoint.save(tmp_path / "student.pt", state)
    command = [sys.executable, "-m", "training", "export", tmp_path / "student.pt"]
    ran = subprocess.run(
        [*command, tmp_path / "out.onnx"], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert "2,037,104 parameters" in ran.stdout
    loaded = load_backbone(tmp_path / "student.pt")
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])


def test_a_missing_checkpoint_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", "export", tmp_path / "no.pt", tmp_path / "o.onnx"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert len(ran.stderr.strip().splitlines()) == 1


def test_ir_101_has_the_layout_of_the_official_checkpoints() -> None:
    backbone = build("ir_101")
    keys = backbone.state_dict().keys()
    assert len(backbone.body) == 49
    for name in (
        "input_layer.0.weight",
        "body.3.shortcut_layer.0.weight",
        "body.0.res_layer.1.weight",
        "body.48.res_layer.5.running_var",
        "output_layer.3.weight",
        "output_layer.4.running_mean",
    ):
        assert name in keys
    with torch.no_grad():
        assert backbone.eval()(torch.zeros(1, 3, 112, 112)).shape == (1, 512)
