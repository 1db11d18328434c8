"""The two families of networks as plain functions of a state dict, written from the papers' layer lists."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, linear, prelu

State = dict[str, Tensor]


def norm(state: State, name: str, x: Tensor) -> Tensor:
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    return batch_norm(x, mean, var, state.get(f"{name}.weight"), state.get(f"{name}.bias"))


def ir(state: State, x: Tensor, units: tuple[int, ...]) -> Tensor:
    """AdaFace's `net.py`: the shortcut is a subsampling wherever the width stays."""
    x = norm(state, "input_layer.1", conv2d(x, state["input_layer.0.weight"], padding=1))
    x = prelu(x, state["input_layer.2.weight"])
    starts = {sum(units[:stage]) for stage in range(4)}
    for unit in range(sum(units)):
        stride = 2 if unit in starts else 1
        layers, shortcut = f"body.{unit}.res_layer", f"body.{unit}.shortcut_layer"
        y = conv2d(norm(state, f"{layers}.0", x), state[f"{layers}.1.weight"], padding=1)
        y = prelu(norm(state, f"{layers}.2", y), state[f"{layers}.3.weight"])
        y = conv2d(y, state[f"{layers}.4.weight"], stride=stride, padding=1)
        if f"{shortcut}.0.weight" in state:
            x = conv2d(x, state[f"{shortcut}.0.weight"], stride=stride)
            x = norm(state, f"{shortcut}.1", x)
        else:
            x = x[:, :, ::stride, ::stride]
        x = x + norm(state, f"{layers}.5", y)
    flat = norm(state, "output_layer.0", x).flatten(1)
    features = linear(flat, state["output_layer.3.weight"], state["output_layer.3.bias"])
    return norm(state, "output_layer.4", features)


def iresnet(state: State, x: Tensor, units: tuple[int, ...]) -> Tensor:
    """insightface's: every stage begins with a projection."""
    x = prelu(
        norm(state, "bn1", conv2d(x, state["conv1.weight"], padding=1)), state["prelu.weight"]
    )
    for stage, count in enumerate(units, start=1):
        for unit in range(count):
            block, stride = f"layer{stage}.{unit}", 1 if unit else 2
            y = conv2d(norm(state, f"{block}.bn1", x), state[f"{block}.conv1.weight"], padding=1)
            y = prelu(norm(state, f"{block}.bn2", y), state[f"{block}.prelu.weight"])
            y = conv2d(y, state[f"{block}.conv2.weight"], stride=stride, padding=1)
            if not unit:
                x = conv2d(x, state[f"{block}.downsample.0.weight"], stride=2)
                x = norm(state, f"{block}.downsample.1", x)
            x = x + norm(state, f"{block}.bn3", y)
    features = linear(norm(state, "bn2", x).flatten(1), state["fc.weight"], state["fc.bias"])
    return norm(state, "features", features)


def planes(crops: NDArray[np.uint8], color: str) -> Tensor:
    """(n, 112, 112, 3) uint8 RGB as the official code feeds it: (x / 255 - 0.5) / 0.5, NCHW."""
    ordered = crops if color == "rgb" else crops[..., ::-1]
    scaled = (ordered.astype(np.float32) / 255 - 0.5) / 0.5
    return torch.from_numpy(scaled.transpose(0, 3, 1, 2).copy())
