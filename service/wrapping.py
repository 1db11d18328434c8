"""Puts a foreign ONNX recognizer into the bundle's shape: uint8 RGB in, unit embedding and norm out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, compose, helper, numpy_helper

from models.alignment import CROP_SIZE
from service.errors import BundleRefused

Colors = Literal["rgb", "bgr"]
INPUT, EMBEDDING, NORM = "images", "embedding", "norm"
PREFIX = "foreign/"
LEAST_OPSET = 13  # Squeeze and ReduceSum take their axes as inputs from here on


def is_contract(model: ModelProto) -> bool:
    """Whether the graph already takes uint8 crops and answers `embedding` and `norm`."""
    inputs = _inputs(model.graph)
    outputs = {output.name for output in model.graph.output}
    uint8 = len(inputs) == 1 and inputs[0].type.tensor_type.elem_type == TensorProto.UINT8
    return uint8 and {EMBEDDING, NORM} <= outputs


def wrapped(path: Path, colors: Colors | None, *, mean: float, scale: float) -> ModelProto:
    """The recognizer in `path` as a contract graph.

    A graph that is one already comes back unchanged. Any other takes float32 NCHW 112x112 faces
    in `colors`, (pixel - mean) / scale, and its first output is the feature. Raises
    BundleRefused where it does not fit, or `colors` is None: the colour order cannot be read
    off a graph, and the wrong one costs accuracy silently.
    """
    model = _loaded(path)
    if is_contract(model):
        return model
    if colors is None:
        raise BundleRefused(
            f"{path} takes floats; say which colour order it was trained on: --color bgr for "
            "AdaFace's own checkpoints, --color rgb for insightface's."
        )
    _refuse_unless_recognizer(model, path)
    inner = compose.add_prefix(model, PREFIX)
    feed, feature = _inputs(inner.graph)[0].name, inner.graph.output[0].name
    nodes = [*_preprocessing(feed), *inner.graph.node, *_postprocessing(feature)]
    constants = _constants(colors, mean, scale)
    return _assembled(inner, nodes, constants, dimension(model))


def dimension(model: ModelProto) -> int:
    """The length of a recognizer's embedding, 0 where the graph does not say."""
    size: int = model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    return size


def _loaded(path: Path) -> ModelProto:
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf, onnx and the file system each raise their own
        raise BundleRefused(f"{path} is not a readable ONNX model: {error}") from error
    return model


def _inputs(graph: GraphProto) -> list[onnx.ValueInfoProto]:
    """The graph's inputs without the weights that old files list among them."""
    weights = {weight.name for weight in graph.initializer}
    return [each for each in graph.input if each.name not in weights]


def _refuse_unless_recognizer(model: ModelProto, path: Path) -> None:
    inputs = _inputs(model.graph)
    shape = [d.dim_value for d in inputs[0].type.tensor_type.shape.dim] if inputs else []
    if len(inputs) != 1 or shape[1:] != [3, CROP_SIZE, CROP_SIZE]:
        raise BundleRefused(
            f"{path} is no face recognizer of the usual shape: its input is {shape}, "
            f"(n, 3, {CROP_SIZE}, {CROP_SIZE}) is needed."
        )


def _preprocessing(feed: str) -> list[NodeProto]:
    return [
        helper.make_node("Cast", [INPUT], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pixels", "mean"], ["centered"]),
        helper.make_node("Div", ["centered", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Gather", ["planes", "order"], [feed], axis=1),
    ]


def _postprocessing(feature: str) -> list[NodeProto]:
    return [
        helper.make_node("Mul", [feature, feature], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "last"], ["squared_length"], keepdims=1),
        helper.make_node("Sqrt", ["squared_length"], ["length"]),
        helper.make_node("Max", ["length", "least"], ["divisor"]),
        helper.make_node("Div", [feature, "divisor"], [EMBEDDING]),
        helper.make_node("Squeeze", ["length", "last"], [NORM]),
    ]


def _constants(colors: Colors, mean: float, scale: float) -> list[TensorProto]:
    order = [0, 1, 2] if colors == "rgb" else [2, 1, 0]
    values = {
        "mean": np.float32(mean),
        "scale": np.float32(scale),
        "order": np.array(order, np.int64),
        "last": np.array([1], np.int64),
        "least": np.float32(1e-6),  # a zero feature has no direction; it must not become NaN
    }
    return [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]


def _assembled(
    inner: ModelProto, nodes: list[NodeProto], constants: list[TensorProto], size: int
) -> ModelProto:
    crops: list[str | int | None] = ["n", CROP_SIZE, CROP_SIZE, 3]
    graph = helper.make_graph(
        nodes,
        "recognizer",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, crops)],
        [
            helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["n", size or "d"]),
            helper.make_tensor_value_info(NORM, TensorProto.FLOAT, ["n"]),
        ],
        [*constants, *inner.graph.initializer],
    )
    opset = max((entry.version for entry in inner.opset_import if not entry.domain), default=0)
    if opset < LEAST_OPSET:
        raise BundleRefused(
            f"The model uses ONNX opset {opset}; convert it to {LEAST_OPSET} or newer first "
            "(onnx.version_converter)."
        )
    model = helper.make_model(
        graph, opset_imports=inner.opset_import, ir_version=max(inner.ir_version, 8)
    )
    onnx.checker.check_model(model)
    return model
