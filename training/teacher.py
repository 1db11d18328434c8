"""Who a student learns from: any bundle, any checkpoint, or the arrays of a MobileFaceNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.backbones import mobilefacenet
from training.data.targets import Teacher
from training.evaluate.embedder import open_embedder


def open_teacher(path: Path) -> Teacher:
    """(n, 112, 112, 3) uint8 RGB -> (n, d) unit float32 embeddings, by the model in `path`.

    An `.npz` holds a MobileFaceNet; everything else is what `adaface evaluate` takes: a bundle,
    a contract graph, or a checkpoint whose layout is known. Raises EvaluationError, or
    RuntimeError naming missing and unexpected keys.
    """
    if path.suffix == ".npz":
        return _mobilefacenet(mobilefacenet.load(path))
    embedder = open_embedder(path, flip=True)
    return lambda crops: embedder(crops).embeddings


def _mobilefacenet(network: mobilefacenet.MobileFaceNet) -> Teacher:
    @torch.inference_mode()
    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        # The network was trained on the middle 96 columns, divided by 128.
        x = torch.from_numpy(crops[:, :, 8:104]).permute(0, 3, 1, 2).float()
        units: NDArray[np.float32] = nn.functional.normalize(network((x - 127.5) / 128)).numpy()
        return units

    return embed
