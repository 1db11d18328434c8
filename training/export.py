"""A trained backbone as one ONNX file in the shape every bundle has."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional

from training import checkpoint
from training.backbones import build
from training.backbones.ir import Backbone

OPSET = 17
OUTPUTS = ["embedding", "norm"]
EMBEDDING_TOLERANCE, NORM_TOLERANCE = 1e-4, 1e-3


class Recognizer(nn.Module):
    """Backbone with everything a caller could get wrong inside: colour order, scaling, length.

    With flip fusion the embedding is the direction of features(x) + features(mirror of x). The
    norm is that of the crop alone: the sum's length says how symmetric a face is, not how good.
    """

    def __init__(self, backbone: Backbone, *, flip_fusion: bool) -> None:
        super().__init__()
        self.backbone, self.flip_fusion = backbone, flip_fusion
        self.eval()  # all of it: the exporter puts back the mode it finds on the outside

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 112, 112, 3) uint8 RGB -> (n, d) unit float32 and (n,) float32."""
        x = images.permute(0, 3, 1, 2).float().sub(127.5).div(127.5)
        features = self.backbone(x)
        fused = features + self.backbone(x.flip(3)) if self.flip_fusion else features
        return functional.normalize(fused, eps=1e-6), features.norm(dim=1)


def load_backbone(path: Path) -> Backbone:
    """The backbone in a checkpoint of `training.distill`, in evaluation mode.

    Raises FileNotFoundError where there is none.
    """
    if (state := checkpoint.load(path)) is None:
        raise FileNotFoundError(f"There is no checkpoint at {path}.")
    backbone = build(state["recipe"]["architecture"])
    prefix = "backbone."
    weights = {
        name.removeprefix(prefix): value
        for name, value in state["student"].items()
        if name.startswith(prefix)
    }
    backbone.load_state_dict(weights)
    return backbone.eval()


def export(backbone: Backbone, path: Path, *, flip_fusion: bool = True) -> str:
    """Writes the graph whole or not at all; returns its sha256.

    Raises RuntimeError where ONNX Runtime does not answer as PyTorch does.
    """
    recognizer = Recognizer(backbone, flip_fusion=flip_fusion)
    partial = path.with_name(path.name + ".partial")
    try:
        _write(recognizer, partial)
        onnx.checker.check_model(str(partial))
        check_parity(recognizer, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(recognizer: Recognizer, path: Path) -> None:
    example = torch.zeros(1, 112, 112, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        # The TorchScript exporter is deprecated, but folds batch norms and needs no onnxscript.
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


def check_parity(recognizer: Recognizer, path: Path) -> None:
    """Compares PyTorch and ONNX Runtime on batches of one and three; RuntimeError if they differ."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for count in (1, 3):
        images = np.random.default_rng(count).integers(0, 256, (count, 112, 112, 3), np.uint8)
        with torch.no_grad():
            wanted = [answer.numpy() for answer in recognizer(torch.from_numpy(images))]
        found = session.run(OUTPUTS, {"images": images})
        apart = float(np.abs(found[0] - wanted[0]).max())
        drift = float(np.abs(found[1] / wanted[1] - 1).max())
        if not (apart < EMBEDDING_TOLERANCE and drift < NORM_TOLERANCE):
            raise RuntimeError(
                f"{path} differs from PyTorch: embedding by {apart:.1e}, norm by {drift:.1e}."
            )
