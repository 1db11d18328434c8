"""What is no checkpoint, no known network or not whole is refused in one sentence; code never runs."""

from __future__ import annotations

import argparse
import contextlib
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from training.importers.checkpoint import backbone_of
from training.importers.weights import CheckpointRefused, read

State = dict[str, Tensor]


def refusal(path: Path) -> str:
    """The sentence `path` is refused with."""
    with pytest.raises(CheckpointRefused) as caught:
        backbone_of(path)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


class Payload:
    """Writes a file when it is unpickled the usual way."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.write_text, (self.target, "executed")


def test_code_beside_the_weights_is_not_executed(tmp_path: Path, r_tiny: State) -> None:
    target = tmp_path / "executed"
    torch.save({"state_dict": r_tiny, "callbacks": [Payload(target)]}, tmp_path / "a.pt")
    assert backbone_of(tmp_path / "a.pt").architecture == "r_tiny"
    assert not target.exists()
    torch.load(tmp_path / "a.pt", weights_only=False)
    assert target.exists()  # the payload is a real one


@pytest.mark.parametrize("place", ["top", "weights", "legacy"])
def test_code_in_place_of_weights_is_refused(tmp_path: Path, r_tiny: State, place: str) -> None:
    target = tmp_path / "executed"
    content: Any = Payload(target) if place == "top" else r_tiny | {"fc.bias": Payload(target)}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=place != "legacy")
    refusal(tmp_path / "a.pt")
    assert not target.exists()


def archive(path: Path, program: bytes, *extra: str) -> Path:
    """A PyTorch zip file whose pickle is `program`."""
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("archive/data.pkl", program)
        opened.writestr("archive/version", "3\n")
        for name in extra:
            opened.writestr(f"archive/{name}", b"")
    return path


REBUILD = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n"


@pytest.mark.parametrize(
    "program",
    [
        REBUILD + b"}X\x01\x00\x00\x00aX\x01\x00\x00\x00bsb.",  # sets an attribute of it
        REBUILD + b"(K\x01K\x02K\x03tR.",  # calls it with nonsense
        b"\x80\x02cbuiltins\neval\n(X\x03\x00\x00\x001+1tR.",
        b"\x80\x02K\x05.",
        b"\x80\x02(lp0\n.",
        b"",
    ],
)
def test_a_crafted_pickle_is_refused(tmp_path: Path, program: bytes) -> None:
    refusal(archive(tmp_path / "a.pt", program))
    assert not hasattr(torch._utils._rebuild_tensor_v2, "a")


def test_a_torchscript_archive_is_refused(tmp_path: Path) -> None:
    program = pickle.dumps({}, protocol=2)
    with pytest.warns(UserWarning, match="TorchScript"):
        refusal(archive(tmp_path / "a.pt", program, "constants.pkl"))


def test_a_pickled_network_is_refused_with_advice(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "a.pt")
    assert "state_dict()" in refusal(tmp_path / "a.pt")


def test_old_files_of_plain_weights_are_read(tmp_path: Path, r_tiny: State) -> None:
    torch.save(r_tiny, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert backbone_of(tmp_path / "a.pth").architecture == "r_tiny"


def test_foreign_objects_in_the_old_format_are_refused(tmp_path: Path, r_tiny: State) -> None:
    content = {"state_dict": r_tiny, "options": argparse.Namespace(lr=1)}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert "safetensors" in refusal(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning", "web page"),
        (b"\n <html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "git lfs pull"),
        (b"not a checkpoint at all", "fetch it again"),
        (b"PK\x03\x04 and then nothing", "fetch it again"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00{'no': json}   ", "safetensors"),
    ],
)
def test_what_is_no_checkpoint_is_called_what_it_is(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "adaface.ckpt"
    path.write_bytes(content)
    assert says in refusal(path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        backbone_of(tmp_path / "no.ckpt")


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    assert "name the file itself" in refusal(tmp_path)


def test_an_onnx_graph_needs_no_conversion(tmp_path: Path) -> None:
    (tmp_path / "r.onnx").write_bytes(b"\x08\x08")
    assert "ONNX" in refusal(tmp_path / "r.onnx")


def small_file(save: Callable[[Any, io.BytesIO], None]) -> bytes:
    buffer = io.BytesIO()
    save({"conv1.weight": torch.ones(2, 3), "options": argparse.Namespace(lr=1)}, buffer)
    return buffer.getvalue()


WHOLE = small_file(torch.save)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(length=st.integers(0, len(WHOLE) - 1))
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.ckpt"
    path.write_bytes(WHOLE[:length])
    refusal(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, position: int, value: int) -> None:
    path = tmp_path / "damaged.ckpt"
    path.write_bytes(WHOLE[:position] + bytes([value]) + WHOLE[position + 1 :])
    with contextlib.suppress(CheckpointRefused):  # and nothing else comes out
        read(path)


def test_a_cut_safetensors_file_is_refused(tmp_path: Path, ir_tiny: State) -> None:
    path = tmp_path / "model.safetensors"
    save_file(ir_tiny, path)
    path.write_bytes(path.read_bytes()[:-100])
    assert "fetch it again" in refusal(path)


def test_missing_and_strange_weights_are_named(tmp_path: Path, r_tiny: State) -> None:
    state = {k: v for k, v in r_tiny.items() if not k.startswith("layer2.0.bn")}
    torch.save(state | {"fc.scale": torch.ones(1)}, tmp_path / "a.pt")
    said = refusal(tmp_path / "a.pt")
    assert "not quite r_tiny" in said
    assert "12 missing (layer2.0.bn1.bias, layer2.0.bn1.running_mean" in said
    assert "and 9 more" in said
    assert "1 unexpected (fc.scale)" in said


def test_weights_of_another_shape_are_named(tmp_path: Path, r_tiny: State) -> None:
    torch.save(r_tiny | {"layer2.0.conv1.weight": torch.ones(8, 8, 5, 5)}, tmp_path / "a.pt")
    said = refusal(tmp_path / "a.pt")
    assert "layer2.0.conv1.weight is (8, 8, 5, 5), (8, 8, 3, 3) is needed" in said


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(
    tmp_path: Path, r_tiny: State, value: float
) -> None:
    broken = r_tiny["fc.weight"].clone()
    broken[3, 5] = value
    torch.save(r_tiny | {"fc.weight": broken}, tmp_path / "a.pt")
    assert "fc.weight" in refusal(tmp_path / "a.pt")


def test_strange_weights_beside_an_official_backbone_are_named(
    tmp_path: Path, ir_tiny: State
) -> None:
    state = {f"model.{name}": value for name, value in ir_tiny.items()}
    torch.save({"state_dict": state | {"decoder.weight": torch.ones(1)}}, tmp_path / "a.ckpt")
    assert "decoder.weight" in refusal(tmp_path / "a.ckpt")


def test_weights_are_stripped_of_a_prefix_and_not_of_what_looks_like_one(
    tmp_path: Path, ir_tiny: State
) -> None:
    state = {f"model.{name}": value for name, value in ir_tiny.items()}
    torch.save({"state_dict": state | {"model.body.model.x": torch.ones(1)}}, tmp_path / "a.ckpt")
    assert "body.model.x" in refusal(tmp_path / "a.ckpt")


@pytest.mark.parametrize("prefix", ["", "net."])
def test_a_color_order_nobody_states_is_asked_for(
    tmp_path: Path, ir_tiny: State, prefix: str
) -> None:
    torch.save({prefix + name: value for name, value in ir_tiny.items()}, tmp_path / "a.pt")
    assert "--color rgb or --color bgr" in refusal(tmp_path / "a.pt")
    assert backbone_of(tmp_path / "a.pt", color="bgr").color == "bgr"


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["model.body.0.res_layer.se_block.fc1.weight"], "squeeze-and-excitation"),
        (["net.patch_embed.proj.weight"], "vision transformer"),
        (["features.module.conv1.weight"], "MagFace"),
        (["conv_sep.layers.0.weight"], "MobileFaceNet"),
        (["encoder.weight", "decoder.weight"], "no recognizer known here"),
    ],
)
def test_networks_of_other_kinds_are_called_by_name(
    tmp_path: Path, names: list[str], says: str
) -> None:
    torch.save({name: torch.ones(1) for name in names}, tmp_path / "a.pt")
    said = refusal(tmp_path / "a.pt")
    assert says in said
    assert "ir_101" in said


def test_a_deeper_network_is_called_by_name(tmp_path: Path) -> None:
    state = {f"body.{unit}.res_layer.0.weight": torch.ones(1) for unit in range(50)}
    state |= {"input_layer.0.weight": torch.ones(64, 3, 3, 3)}
    torch.save(state | {"output_layer.3.weight": torch.ones(512, 1)}, tmp_path / "a.pt")
    assert "ir_152" in refusal(tmp_path / "a.pt")
