"""A bundle with an IR-101 of random weights: `.venv-train/bin/python -m tests.bench.ir101 OUT`.

Speed does not depend on what a network knows, and nobody's weights have to be fetched. Its batch
norms are settled, so that its numbers are of the size of a trained one's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from models.assembly import Description
from training.backbones import build, settle
from training.bundle import write_bundle
from training.export import export


def main() -> None:
    out = Path(sys.argv[1])
    torch.manual_seed(0)
    backbone = build("ir_101")
    settle(backbone, [torch.randn(8, 3, 112, 112) for _ in range(2)])
    with TemporaryDirectory() as scratch:
        graph = Path(scratch) / "recognizer.onnx"
        export(backbone, graph, flip_fusion=False)
        write_bundle(graph, None, out, Description("bench-ir101", version="0.1.0"))


if __name__ == "__main__":
    main()
