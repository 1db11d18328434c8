"""`adaface models import` takes a checkpoint: the trainer converts it, the service makes the bundle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import adaface
from models import bundle as bundles
from models.golden import Features, picture
from service.cli import app
from training.backbones import build
from training.export import Recognizer
from training.parity import open_recognizer

PICTURES = np.stack([picture(seed) for seed in range(5)])


@pytest.fixture(scope="module")
def backbone() -> torch.nn.Module:
    torch.manual_seed(0)
    return build("ir_starter").eval()


@pytest.fixture(scope="module")
def checkpoint(backbone: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backbone in the layout of AdaFace's own checkpoints."""
    path = tmp_path_factory.mktemp("checkpoints") / "AdaFace IR.ckpt"
    state = {f"model.{name}": value for name, value in backbone.state_dict().items()}
    head = {"head.batch_mean": torch.tensor([[20.0]]), "head.batch_std": torch.tensor([[100.0]])}
    torch.save(
        {"state_dict": state | head, "hyper_parameters": {"head": "adaface", "m": 0.4}}, path
    )
    return path


def answers(backbone: torch.nn.Module, color: str, *, flip_fusion: bool = False) -> Features:
    recognizer = Recognizer(backbone, flip_fusion=flip_fusion, color=color)
    with torch.no_grad():
        return Features(*(each.numpy() for each in recognizer(torch.from_numpy(PICTURES))))


def agrees(bundle: bundles.Bundle, wanted: Features) -> bool:
    found = open_recognizer(bundle.recognizer)(PICTURES)
    cosines = (found.embeddings * wanted.embeddings).sum(axis=1)
    return bool(cosines.min() >= 0.99999 and np.allclose(found.norms, wanted.norms, rtol=1e-4))


def test_an_official_checkpoint_becomes_a_bundle(
    checkpoint: Path, backbone: torch.nn.Module, tmp_path: Path
) -> None:
    command = [str(Path(sys.executable).parent / "adaface"), "models", "import", str(checkpoint)]
    run = subprocess.run(
        [*command, "--output", str(tmp_path / "new")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "ir_starter" in run.stdout
    assert "bgr" in run.stdout
    bundle = bundles.load(tmp_path / "new")
    kept = bundle.manifest
    assert (kept.name, kept.architecture, kept.loss.name) == ("adaface-ir", "ir_starter", "adaface")
    assert kept.loss.constants["margin"] == pytest.approx(0.4)
    assert kept.parameters == sum(weight.numel() for weight in backbone.parameters())
    assert kept.score is None
    assert agrees(bundle, answers(backbone, "bgr"))


def test_color_and_flip_fusion_reach_the_graph(
    checkpoint: Path, backbone: torch.nn.Module, tmp_path: Path
) -> None:
    arguments = ["models", "import", str(checkpoint), "--output", str(tmp_path / "new")]
    options = ["--color", "rgb", "--flip-fusion", "--name", "other"]
    run = CliRunner().invoke(app, [*arguments, *options], obj=adaface.convert)
    assert run.exit_code == 0, run.output
    bundle = bundles.load(tmp_path / "new")
    assert (bundle.manifest.name, bundle.manifest.flip_fusion) == ("other", True)
    assert agrees(bundle, answers(backbone, "rgb", flip_fusion=True))
    assert not agrees(bundle, answers(backbone, "bgr", flip_fusion=True))


def test_a_checkpoint_nobody_knows_is_one_line(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    (tmp_path / "broken.safetensors").write_bytes(b"rubbish")
    for name in ("other.pt", "broken.safetensors"):
        arguments = ["models", "import", str(tmp_path / name), "--output", str(tmp_path / "new")]
        run = CliRunner().invoke(app, arguments, obj=adaface.convert)
        assert run.exit_code == 1
        [line] = run.stderr.strip().splitlines()
        assert name in line
        assert not (tmp_path / "new").exists()
