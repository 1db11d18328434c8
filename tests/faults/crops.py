"""Crops whose embedding is known beforehand, and the bundle that reads it off them.

The recognizer averages each 14 x 14 block: a crop of 8 x 8 colors has the embedding of its colors,
exact in float32. So the real server runs, over its real API, at the cost of next to no model.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models import bundle as bundles
from models.assembly import Description, assembling, golden_of, manifest
from service.embedding import Recognizer
from service.onnx import open_session
from service.settings import STARTER

SIDE: Final = 8
BLOCK: Final = 112 // SIDE
DIMENSION: Final = SIDE * SIDE * 3
WIDE: Final = 512  # values of a wide embedding: those of the colors, and zeros
_MEAN: Final = 127.5


def bundle_in(directory: Path, *, wide: bool = False) -> Path:
    """Makes the bundle `blocks`, with the starter's detector; its directory."""
    out = directory / "blocks"
    with assembling(out) as scratch:
        onnx.save(_graph(WIDE if wide else DIMENSION), str(scratch / bundles.RECOGNIZER))
        (scratch / bundles.DETECTOR).write_bytes((STARTER / bundles.DETECTOR).read_bytes())
        session = open_session(scratch / bundles.RECOGNIZER, provider="cpu", threads=1)
        golden = golden_of(Recognizer(session))
        made = manifest(scratch, Description("blocks"), golden, weights=1, calibration=None)
        bundles.write(scratch, made)
    return out


@lru_cache(4096)
def feature(seed: int) -> NDArray[np.float32]:
    """The (192,) feature of the seed's crop before it is given length 1."""
    return _colors(seed).transpose(2, 0, 1).reshape(-1).astype(np.float32) - np.float32(_MEAN)


def template(seeds: Iterable[int]) -> NDArray[np.float32]:
    """The (192,) unit template of a person with these faces."""
    total = np.sum([feature(seed) for seed in seeds], axis=0, dtype=np.float64)
    return np.asarray(total / np.linalg.norm(total), np.float32)


@lru_cache(4096)
def png(seed: int) -> bytes:
    """The seed's 112 x 112 crop."""
    picture = np.kron(_colors(seed), np.ones((BLOCK, BLOCK, 1), np.uint8))
    return cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()


def _colors(seed: int) -> NDArray[np.uint8]:
    drawn = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3))
    return drawn.astype(np.uint8)


def _graph(values: int) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["means"], kernel_shape=[BLOCK] * 2, strides=[BLOCK] * 2
        ),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Sub", ["flat", "mean"], ["narrow"]),
        helper.make_node("Pad", ["narrow", "room"], ["feature"]),
        helper.make_node("ReduceL2", ["feature"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["feature", "length"], ["embedding"]),
        helper.make_node("Squeeze", ["length", "last"], ["norm"]),
    ]
    inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 112, 112, 3])]
    outputs = [
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", values]),
        helper.make_tensor_value_info("norm", TensorProto.FLOAT, ["n"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(_MEAN, np.float32), "mean"),
        numpy_helper.from_array(np.array([1], np.int64), "last"),
        numpy_helper.from_array(np.array([0, 0, 0, values - DIMENSION], np.int64), "room"),
    ]
    graph = helper.make_graph(nodes, "blocks", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
