"""The exported graph answers as PyTorch does, in the shape every bundle has."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from models.bundle import sha256
from models.golden import picture
from training import checkpoint
from training.backbones import build
from training.backbones.ir import Backbone
from training.distill import Recipe
from training.export import Recognizer, check_parity, export
from training.importers.conversion import backbone_of
from training.parity import ParityError


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


def test_the_graph_keeps_the_contract(exported: Path) -> None:
    model = onnx.load(str(exported))
    onnx.checker.check_model(model, full_check=True)
    (images,), answers = model.graph.input, {each.name: each for each in model.graph.output}
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert shape(images) == ["n", 112, 112, 3]
    assert {name: shape(each) for name, each in answers.items()} == {
        "embedding": ["n", 128],
        "norm": ["n"],
    }
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert not any(weight.external_data for weight in model.graph.initializer)


def shape(value: onnx.ValueInfoProto) -> list[str | int]:
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


def said(path: Path) -> dict[str, str]:
    return {each.key: each.value for each in onnx.load(str(path)).metadata_props}


def test_the_graph_says_what_it_is(backbone: Backbone, tmp_path: Path) -> None:
    path = tmp_path / "recognizer.onnx"
    report = export(backbone, path, color="bgr", flip_fusion=False, metadata={"loss.m": "0.4"})
    found = said(path)
    assert (
        found.items()
        >= {
            "architecture": "ir_starter",
            "embedding_size": "128",
            "color": "bgr",
            "mean": "127.5",
            "scale": "127.5",
            "alignment": "arcface-112-v2",
            "flip_fusion": "false",
            "opset": "17",
            "loss.m": "0.4",
        }.items()
    )
    assert found["producer"].startswith("adaface-service ")
    assert report.sha256 == sha256(path)
    assert report.parity.cosine_min > 0.999999
    assert report.parity.batches == (1, 2, 7)


def test_equal_weights_have_equal_sums_whatever_the_graph(
    backbone: Backbone, exported: Path, tmp_path: Path
) -> None:
    export(backbone, tmp_path / "other.onnx", flip_fusion=False)
    assert said(tmp_path / "other.onnx")["weights_sha256"] == said(exported)["weights_sha256"]
    changed = copy.deepcopy(backbone)
    next(changed.parameters()).data[0, 0, 0, 0] += 1e-3
    export(changed, tmp_path / "other.onnx", flip_fusion=False)
    assert said(tmp_path / "other.onnx")["weights_sha256"] != said(exported)["weights_sha256"]


def test_a_fact_the_export_finds_out_cannot_be_contradicted(
    backbone: Backbone, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="color, opset"):
        export(backbone, tmp_path / "r.onnx", metadata={"opset": "9", "color": "bgr"})
    assert not any(tmp_path.iterdir())


def test_a_network_trained_on_bgr_is_asked_in_bgr(backbone: Backbone, tmp_path: Path) -> None:
    swapped = copy.deepcopy(backbone)
    first = swapped.input_layer[0].weight
    first.data = first.data.flip(1)
    export(swapped, tmp_path / "bgr.onnx", color="bgr", flip_fusion=False)
    export(backbone, tmp_path / "rgb.onnx", flip_fusion=False)
    crops = np.stack([picture(seed) for seed in range(3)])
    bgr, rgb = (answers(tmp_path / f"{color}.onnx", crops) for color in ("bgr", "rgb"))
    assert np.allclose(bgr[0], rgb[0], atol=1e-5)
    assert np.allclose(bgr[1], rgb[1], rtol=1e-5)


def test_a_swapped_colour_order_is_noticed(backbone: Backbone, exported: Path) -> None:
    with pytest.raises(ParityError, match=r"cosine 0\.\d+ \(at least 0\.99999\)"):
        check_parity(Recognizer(backbone, flip_fusion=True, color="bgr"), exported)


def test_tampered_weights_are_noticed(backbone: Backbone, exported: Path, tmp_path: Path) -> None:
    model = onnx.load(str(exported))
    weight = next(w for w in model.graph.initializer if w.name.endswith("output_layer.3.weight"))
    changed = numpy_helper.to_array(weight) * np.float32(1.001)  # length alone, not direction
    weight.CopyFrom(numpy_helper.from_array(changed, weight.name))
    onnx.save(model, str(tmp_path / "tampered.onnx"))
    with pytest.raises(ParityError, match="relative norm error"):
        check_parity(Recognizer(backbone, flip_fusion=True), tmp_path / "tampered.onnx")


class TwoFaced(nn.Module):
    """Answers the exporter otherwise than anybody else."""

    def __init__(self, inner: Backbone, offset: float) -> None:
        super().__init__()
        self.inner, self.offset = inner, offset

    def forward(self, x: Tensor) -> Tensor:
        exporting = torch.onnx.is_in_onnx_export()
        return self.inner(x) + (self.offset if exporting else 0.0)


@pytest.mark.parametrize("offset", [0.5, float("nan")])
def test_a_graph_that_answers_otherwise_is_refused_and_the_old_one_kept(
    backbone: Backbone, tmp_path: Path, offset: float
) -> None:
    path = tmp_path / "recognizer.onnx"
    path.write_bytes(b"the old one")
    with pytest.raises(ParityError, match=r"recognizer\.onnx\.partial does not answer as PyTorch"):
        export(TwoFaced(backbone, offset), path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"the old one"


def test_a_network_in_training_goes_on_training(backbone: Backbone, tmp_path: Path) -> None:
    training = copy.deepcopy(backbone).train().double()
    export(training, tmp_path / "recognizer.onnx", flip_fusion=False)
    assert all(module.training for module in training.modules())
    assert {each.dtype for each in training.parameters()} == {torch.float64}


FULL_DISK = """
import resource, sys
from pathlib import Path
from training.backbones import build
from training.export import export
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
export(build("ir_starter"), Path(sys.argv[1]))
"""


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "recognizer.onnx")]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "File too large" in ran.stderr
    assert not any(tmp_path.iterdir())


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
    loaded = backbone_of(tmp_path / "student.pt").backbone
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
