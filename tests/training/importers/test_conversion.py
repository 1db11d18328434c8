"""Any known checkpoint becomes the bundle's graph and answers as its authors' code would."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from models.golden import picture
from tests.training.importers import reference
from tests.training.importers.conftest import settled
from training.backbones import ARCHITECTURES
from training.importers.conversion import Conversion, backbone_of, convert

State = dict[str, Tensor]
CROPS = np.stack([picture(0), np.full((112, 112, 3), 255, np.uint8)])


def prefixed(state: State, prefix: str) -> State:
    return {prefix + name: value for name, value in state.items()}


def lightning(state: State) -> dict[str, Any]:
    """The layout of AdaFace's released `.ckpt` files."""
    head = {
        "head.kernel": torch.rand(state["output_layer.3.bias"].numel(), 5),
        "head.batch_mean": torch.full((1,), 21.5),
        "head.batch_std": torch.full((1,), 2.25),
        "head.t": torch.zeros(1),
    }
    options = argparse.Namespace(m=0.4, h=0.333, s=64.0, t_alpha=0.01, head="adaface", arch="ir")
    return {
        "epoch": 25,
        "pytorch-lightning_version": "1.4.4",
        "state_dict": prefixed(state, "model.") | head,
        "callbacks": {argparse.Action: {"monitor": "val_acc"}},
        "hyper_parameters": {"hparams": options, "gpus": 2},
    }


def answers(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    embedding, norm = session.run(["embedding", "norm"], {"images": CROPS})
    return embedding, norm


def agree(path: Path, features: Tensor) -> bool:
    """Whether the graph answers (n, d) `features`: cosine 0.99999, norm within 1e-4."""
    embedding, norm = answers(path)
    wanted = features.numpy()
    lengths = np.linalg.norm(wanted, axis=1)
    cosines = (embedding * wanted).sum(axis=1) / lengths
    return bool(cosines.min() >= 0.99999 and np.abs(norm / lengths - 1).max() <= 1e-4)


def expected(state: State, architecture: str, color: str) -> Tensor:
    shape = ARCHITECTURES[architecture]
    forward = reference.ir if shape.layout == "ir" else reference.iresnet
    return forward(state, reference.planes(CROPS, color), shape.units)


def test_an_official_checkpoint_answers_as_the_official_code(tmp_path: Path) -> None:
    state = settled("ir_18")
    torch.save(lightning(state), tmp_path / "adaface_ir18.ckpt")
    done = convert(tmp_path / "adaface_ir18.ckpt", tmp_path / "out" / "recognizer.onnx")
    assert (done.architecture, done.color, done.embedding) == ("ir_18", "bgr", 512)
    assert agree(tmp_path / "out" / "recognizer.onnx", expected(state, "ir_18", "bgr"))
    assert not agree(tmp_path / "out" / "recognizer.onnx", expected(state, "ir_18", "rgb"))
    assert done.parity.cosine_min >= 0.99999
    assert done.parity.norm_error_max <= 1e-4
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["recognizer.onnx"]
    assert done.manifest()["parameters"] == 24_020_352


def test_an_official_checkpoint_tells_its_loss(tmp_path: Path, ir_tiny: State) -> None:
    torch.save(lightning(ir_tiny), tmp_path / "a.ckpt")
    imported = backbone_of(tmp_path / "a.ckpt")
    assert imported.loss == "adaface"
    constants = {"margin": 0.4, "h": 0.333, "scale": 64.0, "momentum": 0.01}
    assert imported.loss_constants == constants | {"norm_mean": 21.5, "norm_std": 2.25}
    assert "a.ckpt" in imported.source


def save_cvlface_pt(folder: Path, state: State, space: str) -> Path:
    torch.save(prefixed(state, "net."), folder / "model.pt")
    (folder / "model.yaml").write_text(f"name: 'ir101'\ncolor_space: '{space}'\noutput_dim: 512\n")
    return folder / "model.pt"


def save_cvlface_safetensors(folder: Path, state: State, space: str) -> Path:
    save_file(prefixed(state, "model.net."), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"conf": {"color_space": space}}))
    return folder  # as downloaded from the hub


@pytest.mark.parametrize("space", ["RGB", "BGR"])
@pytest.mark.parametrize("save", [save_cvlface_pt, save_cvlface_safetensors])
def test_cvlface_weights_take_the_color_of_their_config(
    tmp_path: Path, ir_tiny: State, space: str, save: Callable[[Path, State, str], Path]
) -> None:
    done = convert(save(tmp_path, ir_tiny, space), tmp_path / "out.onnx")
    assert (done.architecture, done.color) == ("ir_tiny", space.lower())
    assert agree(tmp_path / "out.onnx", expected(ir_tiny, "ir_tiny", space.lower()))


@pytest.mark.parametrize("prefix", ["", "module."])
def test_insightface_weights_are_rgb(tmp_path: Path, r_tiny: State, prefix: str) -> None:
    torch.save(prefixed(r_tiny, prefix), tmp_path / "backbone.pth")
    done = convert(tmp_path / "backbone.pth", tmp_path / "out.onnx")
    assert (done.architecture, done.color, done.loss) == ("r_tiny", "rgb", "unknown")
    assert agree(tmp_path / "out.onnx", expected(r_tiny, "r_tiny", "rgb"))


def test_insightfaces_real_r18_answers_as_their_code(tmp_path: Path) -> None:
    state = settled("r18")
    torch.save({"epoch": 1, "state_dict_backbone": state}, tmp_path / "checkpoint_gpu_0.pt")
    imported = backbone_of(tmp_path / "checkpoint_gpu_0.pt")
    assert imported.architecture == "r18"
    with torch.no_grad():
        features = imported.backbone(reference.planes(CROPS[:1], "rgb"))
    wanted = reference.iresnet(state, reference.planes(CROPS[:1], "rgb"), (2, 2, 2, 2))
    assert torch.allclose(features, wanted, rtol=1e-3, atol=1e-3)


def test_a_distilled_student_is_imported(tmp_path: Path, ir_tiny: State) -> None:
    student = prefixed(ir_tiny, "backbone.") | {"head.weight": torch.rand(3, 24)}
    state = {"student": student, "recipe": {"architecture": "ir_tiny"}, "step": 3}
    torch.save(state, tmp_path / "student.pt")
    imported = backbone_of(tmp_path)
    assert (imported.color, imported.loss) == ("rgb", "adaface + distillation")


def test_a_run_stands_for_the_averaged_weights_of_its_newest_snapshot(
    tmp_path: Path, ir_tiny: State
) -> None:
    recipe = {"loss": {"name": "cosface", "margin": 0.35, "h": 0.333, "scale": 64.0}}
    for step, scale in ((10, 0.0), (20, 1.0)):
        folder = tmp_path / f"step-{step:09d}"
        folder.mkdir()
        zeroed = {name: torch.zeros_like(value) for name, value in ir_tiny.items()}
        save_file(zeroed, folder / "backbone.safetensors")
        averaged = ir_tiny if scale else zeroed
        save_file(averaged, folder / "average.safetensors")
        (folder / "recipe.json").write_text(json.dumps(recipe))
    imported = backbone_of(tmp_path)
    loaded = imported.backbone.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in ir_tiny.items())
    assert (imported.color, imported.loss) == ("rgb", "cosface")
    assert imported.loss_constants == {"margin": 0.35, "scale": 64.0}


def test_a_given_color_overrides_the_files(tmp_path: Path, ir_tiny: State) -> None:
    torch.save(lightning(ir_tiny), tmp_path / "a.ckpt")
    done = convert(tmp_path / "a.ckpt", tmp_path / "out.onnx", color="rgb")
    assert done.color == "rgb"
    assert agree(tmp_path / "out.onnx", expected(ir_tiny, "ir_tiny", "rgb"))


def test_flip_fusion_is_the_sum_over_the_mirror_image(tmp_path: Path, ir_tiny: State) -> None:
    torch.save(lightning(ir_tiny), tmp_path / "a.ckpt")
    done = convert(tmp_path / "a.ckpt", tmp_path / "out.onnx", flip_fusion=True)
    assert done.manifest()["flip_fusion"] is True
    embedding, _ = answers(tmp_path / "out.onnx")
    units, x = ARCHITECTURES["ir_tiny"].units, reference.planes(CROPS, "bgr")
    fused = reference.ir(ir_tiny, x, units) + reference.ir(ir_tiny, x.flip(3), units)
    fused = fused / fused.norm(dim=1, keepdim=True)
    assert float((torch.from_numpy(embedding) * fused).sum(dim=1).min()) >= 0.99999


def test_another_embedding_length_is_recognized(tmp_path: Path) -> None:
    state = settled("ir_tiny", embedding=40)
    torch.save(lightning(state), tmp_path / "a.ckpt")
    done = convert(tmp_path / "a.ckpt", tmp_path / "out.onnx")
    assert (done.architecture, done.embedding) == ("ir_tiny", 40)
    assert agree(tmp_path / "out.onnx", expected(state, "ir_tiny", "bgr"))


def test_half_precision_weights_answer_in_single(tmp_path: Path, r_tiny: State) -> None:
    half = {k: v.half() if v.is_floating_point() else v for k, v in r_tiny.items()}
    torch.save(half, tmp_path / "backbone.pth")
    backbone = backbone_of(tmp_path / "backbone.pth").backbone
    assert {weight.dtype for weight in backbone.parameters()} == {torch.float32}


def test_the_graph_says_where_it_comes_from(tmp_path: Path, ir_tiny: State) -> None:
    torch.save(lightning(ir_tiny), tmp_path / "a.ckpt")
    done: Conversion = convert(tmp_path / "a.ckpt", tmp_path / "out.onnx")
    props = {entry.key: entry.value for entry in onnx.load(tmp_path / "out.onnx").metadata_props}
    assert props["source"] == done.source
    assert (props["architecture"], props["color"], props["loss"]) == ("ir_tiny", "bgr", "adaface")
    assert props["loss.margin"] == "0.4"
