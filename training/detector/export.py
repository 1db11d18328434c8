"""A trained network as one ONNX file that insightface's SCRFD class runs unchanged."""

from __future__ import annotations

import copy
import hashlib
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from training.detector.network import STRIDES, Detector

OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("score", "box", "landmarks") for stride in STRIDES)
OPSET = 17
_WIDTHS = (1, 4, 10)
_TOLERANCE = 1e-3


class ScrfdShaped(nn.Module):
    """The detector for one image at a time, with SCRFD's nine outputs: (anchors, 1), (anchors, 4) and (anchors, 10)."""

    def __init__(self, detector: Detector, logit_shift: float = 0.0) -> None:
        super().__init__()
        self.detector = copy.deepcopy(detector).eval()
        self.detector.fold()
        self.detector.shift_scores(logit_shift)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Float32 RGB (1, 3, H, W), (x - 127.5) / 128, to scores in [0, 1], then boxes, then landmarks in strides."""
        maps = self.detector.maps(image)
        rows = [[_rows(level[kind], width) for level in maps] for kind, width in enumerate(_WIDTHS)]
        return (*(score.sigmoid() for score in rows[0]), *rows[1], *rows[2])


def _rows(x: Tensor, width: int) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1, width)


def export(detector: Detector, path: Path, logit_shift: float = 0.0) -> str:
    """Write the ONNX file whole or not at all; its sha256.

    `logit_shift` is added to every score before the sigmoid: it puts the wanted threshold at 0.5.
    """
    shaped = ScrfdShaped(detector, logit_shift)
    scratch = path.with_suffix(".tmp")
    dynamic = {
        "image": {2: "height", 3: "width"},
        **{name: {0: f"anchors_{name}"} for name in OUTPUTS},
    }
    with warnings.catch_warnings(), torch.no_grad():
        # The TorchScript exporter is deprecated but folds constants better and needs no onnxscript.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            shaped, (torch.zeros(1, 3, 64, 64),), str(scratch), input_names=["image"], output_names=list(OUTPUTS),
            dynamic_axes=dynamic, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    onnx.checker.check_model(str(scratch))
    check_parity(shaped, scratch)
    scratch.replace(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_parity(shaped: ScrfdShaped, path: Path) -> float:
    """Largest difference between PyTorch and ONNX Runtime over two image shapes; an error if it matters."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for height, width in ((96, 160), (320, 256)):
        image = (
            np.random.default_rng(height).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)
        )
        with torch.no_grad():
            expected = shaped(torch.from_numpy(image))
        found = session.run(list(OUTPUTS), {"image": image})
        worst = max(
            worst,
            *(float(np.abs(a.numpy() - b).max()) for a, b in zip(expected, found, strict=True)),
        )
    if not worst < _TOLERANCE:
        raise RuntimeError(
            f"{path} differs from PyTorch by {worst:.2e}, more than {_TOLERANCE:.0e}"
        )
    return worst
