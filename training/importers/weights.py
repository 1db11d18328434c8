"""A file of weights, read without trusting it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from training import snapshot
from training.checkpoint import cause
from training.importers import inert

# What a checkpoint directory holds its network in: our runs (the averaged weights where they were
# kept: they are what a run answers with), CVLface on Hugging Face and on disk, our distillation.
NAMES = (
    "average.safetensors",
    "backbone.safetensors",
    "model.safetensors",
    "model.pt",
    "student.pt",
)
# Where in a checkpoint the network lies: our distillation, Lightning, arcface_torch's resume file.
CONTAINERS = ("student", "state_dict", "state_dict_backbone")


class CheckpointRefused(ValueError):
    """The checkpoint cannot be imported; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Named tensors as a file has them, and the plain values around them (`metadata`)."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, Any] = field(default_factory=dict)
    container: str = ""


def read(path: Path) -> Weights:
    """The weights in a file, or in the first known file of a directory (`NAMES`).

    A run's directory stands for its newest snapshot. Takes safetensors and what torch.save writes.
    Raises CheckpointRefused with one sentence for anything else, and FileNotFoundError where there
    is nothing.
    """
    file = _file(path)
    with file.open("rb") as opened:
        start = opened.read(256)
    if start[8:9] == b"{":  # behind the length of its header, whose first byte may be anything
        return Weights(file, _safetensors(file))
    _refuse_famous_mistakes(file, start)
    try:
        return _unpacked(file, inert.load(file))
    except CheckpointRefused:
        raise
    except Exception as error:  # pickle's documentation: a broken file may raise anything
        raise CheckpointRefused(
            f"{file} is not a whole PyTorch checkpoint ({type(error).__name__}: {cause(error)}); "
            "fetch it again, or save its state_dict as safetensors."
        ) from error


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    folder = snapshot.latest(path / "snapshots") or snapshot.latest(path) or path
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if not found:
        raise CheckpointRefused(f"{path} holds none of {', '.join(NAMES)}; name the file itself.")
    return found[0]


def _refuse_famous_mistakes(file: Path, start: bytes) -> None:
    if not start:
        raise CheckpointRefused(f"{file} is empty; fetch it again.")
    if start.lstrip()[:1] == b"<":
        raise CheckpointRefused(
            f"{file} is a web page, not a checkpoint: the download asked for a confirmation or a "
            "login; fetch it in a browser."
        )
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointRefused(f"{file} is a Git LFS pointer; run 'git lfs pull' beside it.")
    if file.suffix == ".onnx":
        raise CheckpointRefused(f"{file} is an ONNX graph already; it needs no conversion.")


def _safetensors(file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(str(file), framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        raise CheckpointRefused(
            f"{file} is not a whole safetensors file ({error}); fetch it again."
        ) from error


def _unpacked(file: Path, content: Any) -> Weights:
    if not isinstance(content, Mapping) or isinstance(content, inert.Inert):
        raise CheckpointRefused(
            f"{file} holds an object, not a state_dict; save the network's state_dict() instead "
            "of the network."
        )
    container = next((name for name in CONTAINERS if isinstance(content.get(name), Mapping)), "")
    named = content[container] if container else content
    tensors = {str(k): v.detach() for k, v in named.items() if isinstance(v, Tensor)}
    if not tensors:
        raise CheckpointRefused(
            f"{file} holds no weights: a state_dict is looked for at the top and under "
            f"{', '.join(CONTAINERS)}."
        )
    rest = {str(k): v for k, v in content.items() if k != container} if container else {}
    return Weights(file, tensors, rest, container)


def finite(tensor: Tensor) -> bool:
    """Whether no number of it is NaN or infinite: in float64 a sum of float32 cannot overflow."""
    return not tensor.is_floating_point() or bool(tensor.sum(dtype=torch.float64).isfinite())


def beside(file: Path, name: str) -> dict[str, Any]:
    """The JSON object in the file called `name` next to `file`, {} where there is none."""
    try:
        content = json.loads((file.parent / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
