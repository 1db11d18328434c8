"""An exported recognizer comes back as a backbone that answers the same and can train on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.backbones import build
from training.backbones.ir import IR
from training.export import export
from training.importers.exported import read_back, spread

X = torch.rand(6, 3, 112, 112, generator=torch.Generator().manual_seed(5)) * 2 - 1


@pytest.fixture(scope="module")
def original(ir_tiny: dict[str, Tensor]) -> IR:
    backbone = build("ir_tiny")
    assert isinstance(backbone, IR)
    backbone.load_state_dict(ir_tiny)
    return backbone.eval()


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "flip fusion"])
def graph(
    original: IR, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    path = tmp_path_factory.mktemp("graph") / "recognizer.onnx"
    export(original, path, flip_fusion=request.param)
    return path


@torch.no_grad()
def test_it_answers_as_the_one_that_was_exported(original: IR, graph: Path) -> None:
    assert torch.allclose(read_back(graph, "ir_tiny")(X), original(X), rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_spreading_keeps_the_answers_and_makes_training_mode_agree(
    original: IR, graph: Path
) -> None:
    backbone = read_back(graph, "ir_tiny")
    spread(backbone, [X])
    assert torch.allclose(backbone(X), original(X), rtol=1e-3, atol=1e-3)
    backbone.train()
    stem = backbone.input_layer
    in_training, kept = stem(X), stem.eval()(X)
    assert torch.allclose(in_training, kept, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("architecture", ["ir_starter", "r_tiny"])
def test_a_graph_of_another_architecture_is_refused(graph: Path, architecture: str) -> None:
    with pytest.raises(ValueError, match=architecture):
        read_back(graph, architecture)
