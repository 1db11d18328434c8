"""A trained backbone as one ONNX file in the shape every bundle has."""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import onnx
import torch
from onnx import helper
from torch import Tensor, nn
from torch.nn import functional

from models.alignment import TEMPLATE_ID
from models.bundle import sha256
from training import provenance
from training.backbones import ARCHITECTURES
from training.parity import OUTPUTS, Parity, ParityError, compare

__all__ = ["Colors", "Exported", "Parity", "ParityError", "Recognizer", "export"]

OPSET = 17
MEAN, SCALE = 127.5, 127.5
Colors = Literal["rgb", "bgr"]


class Recognizer(nn.Module):
    """Backbone with everything a caller could get wrong inside: colour order, scaling, length.

    `backbone` maps (n, 3, 112, 112) float32 in [-1, 1], channels in the order of `color`, to raw
    (n, d) features. With flip fusion the embedding is the direction of features(x) +
    features(mirror of x). The norm is that of the crop alone: the sum's length says how
    symmetric a face is, not how good.
    """

    def __init__(self, backbone: nn.Module, *, flip_fusion: bool, color: Colors = "rgb") -> None:
        super().__init__()
        self.backbone, self.flip_fusion, self.color = backbone, flip_fusion, color
        self.eval()  # all of it: the exporter puts back the mode it finds on the outside

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 112, 112, 3) uint8 RGB -> (n, d) unit float32 and (n,) float32."""
        ordered = images if self.color == "rgb" else images.flip(3)
        x = ordered.permute(0, 3, 1, 2).float().sub(MEAN).div(SCALE)
        features = self.backbone(x)
        fused = features + self.backbone(x.flip(3)) if self.flip_fusion else features
        return functional.normalize(fused, eps=1e-6), features.norm(dim=1)


class Exported(NamedTuple):
    """What was written, and how near it came to PyTorch."""

    sha256: str
    parity: Parity


def export(
    backbone: nn.Module,
    path: Path,
    *,
    flip_fusion: bool = True,
    color: Colors = "rgb",
    metadata: Mapping[str, str] | None = None,
) -> Exported:
    """Writes the contract graph to `path`, whole or not at all; `backbone` stays as it is.

    `images` (n, 112, 112, 3) uint8 RGB in, whatever `color` the backbone was trained on;
    `embedding` (n, d) unit float32 and `norm` (n,) float32 out; one file, opset 17. `metadata`
    (loss, constants, data, and the architecture where the table does not know it) goes into
    `metadata_props` beside what `describe` finds out.

    Raises ParityError with the numbers where ONNX Runtime does not answer as PyTorch does, and
    ValueError where `metadata` names something that `describe` finds out for itself.
    """
    # A copy: a backbone in training keeps its mode, its device and its precision.
    inner = copy.deepcopy(backbone).cpu().float()
    recognizer = Recognizer(inner, flip_fusion=flip_fusion, color=color)
    described = _merged(describe(recognizer), metadata or {})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        _write(recognizer, partial, described)
        parity = check_parity(recognizer, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return Exported(sha256(path), parity)


def check_parity(recognizer: Recognizer, path: Path) -> Parity:
    """`compare`, raising ParityError with its numbers where a bar is not met."""
    parity = compare(recognizer, path)
    if not parity.holds:
        raise ParityError(f"{path.name} does not answer as PyTorch does: {parity}.")
    return parity


def describe(recognizer: Recognizer) -> dict[str, str]:
    """What can be told from the module and the code: the graph's `metadata_props`.

    `weights_sha256` is over the backbone's state, so it stays when the exporter changes.
    """
    state = recognizer.backbone.state_dict()
    with torch.no_grad():
        size = recognizer(torch.zeros(1, 112, 112, 3, dtype=torch.uint8))[0].shape[1]
    found = {
        "producer": f"adaface-service {provenance.version()}",
        "commit": provenance.commit(),
        "architecture": _architecture(recognizer.backbone),
        "embedding_size": str(size),
        "color": recognizer.color,
        "mean": str(MEAN),
        "scale": str(SCALE),
        "alignment": TEMPLATE_ID,
        "flip_fusion": str(recognizer.flip_fusion).lower(),
        "norm": "of the crop alone, before L2",
        "opset": str(OPSET),
        "weights_sha256": _digest(state),
    }
    return {name: value for name, value in found.items() if value is not None}


def _merged(found: dict[str, str], given: Mapping[str, str]) -> dict[str, str]:
    if taken := sorted(name for name in given if found.get(name, given[name]) != given[name]):
        raise ValueError(f"The export finds out {', '.join(taken)} itself; leave that out.")
    return {**found, **given}


def _architecture(backbone: nn.Module) -> str | None:
    shape = getattr(backbone, "shape", None)
    return next((name for name, known in ARCHITECTURES.items() if known == shape), None)


def _digest(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _write(recognizer: Recognizer, path: Path, metadata: dict[str, str]) -> None:
    example = torch.zeros(1, 112, 112, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        # Deprecated, but it folds batch norms into convolutions (IR-50: 52 stay, of the other
        # exporter's 156) and needs neither onnxscript nor onnx-ir. Answers are equal to 4e-7.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            recognizer,
            (example,),
            str(path),
            input_names=["images"],
            output_names=OUTPUTS,
            dynamic_axes={name: {0: "n"} for name in ("images", *OUTPUTS)},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(path))
    # The length goes through Expand, behind which the exporter lost sight of the size.
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = int(metadata["embedding_size"])
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
