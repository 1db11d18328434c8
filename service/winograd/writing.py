"""Writes a branch as ncnn's two files: layers as text, weights as raw float32.

The formats are those of ncnn's docs/developer-guide (param-and-model-file-structure.md and
operators.md). Only what face backbones are made of is written, and nothing is approximated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

from service.winograd.cutting import Branch, Constants, Unconvertible

MAGIC = "7767517"
RAW = bytes(4)  # the tag before weights that are plain float32
Floats = NDArray[np.float32]
START = "start"  # the name of the input blob; the output is the last blob


@dataclass(frozen=True, slots=True)
class Layer:
    """One ncnn layer: its type, its numbered parameters, its weights as they lie in the file."""

    type: str
    parameters: Mapping[int, int | float] = field(default_factory=dict)
    weights: bytes = b""


@dataclass(frozen=True, slots=True)
class Written:
    """The text and the bytes of a branch, and the name of its last blob."""

    param: str
    bin: bytes
    end: str


class Operator:
    """A node with its attributes and constants at hand."""

    def __init__(self, node: NodeProto, constants: Constants) -> None:
        self.type, self.node = node.op_type, node
        self._constants = constants
        self._attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}

    @property
    def inputs(self) -> list[str]:
        """What is computed, not constant."""
        return [name for name in self.node.input if name and name not in self._constants]

    def attribute(self, name: str, default: Any) -> Any:
        return self._attributes.get(name, default)

    def weight(self, index: int) -> Floats:
        """The constant at `index`. Raises Unconvertible unless it is float32."""
        value = self.raw(index)
        if value is None or value.dtype != np.float32:
            raise Unconvertible(f"{self.type} has no float32 weights")
        return np.ascontiguousarray(value, np.float32)

    def raw(self, index: int) -> NDArray[np.generic] | None:
        names = self.node.input
        return self._constants.get(names[index]) if index < len(names) else None

    def require(self, *, holds: bool, what: str) -> None:
        if not holds:
            raise Unconvertible(f"{self.type} with {what}")


def _convolution(op: Operator) -> Layer:
    weight, group = op.weight(1), op.attribute("group", 1)
    op.require(holds=weight.ndim == 4, what="other than two dimensions")
    op.require(holds=op.attribute("auto_pad", b"NOTSET") == b"NOTSET", what="automatic padding")
    (high, wide), outputs = weight.shape[2:], weight.shape[0]
    top, left, bottom, right = op.attribute("pads", [0, 0, 0, 0])
    bias = op.weight(2).tobytes() if op.raw(2) is not None else b""
    step, gap = op.attribute("strides", [1, 1]), op.attribute("dilations", [1, 1])
    numbers = {0: outputs, 1: wide, 11: high, 2: gap[1], 12: gap[0], 3: step[1], 13: step[0]}
    numbers |= {4: left, 15: right, 14: top, 16: bottom, 5: int(bool(bias)), 6: weight.size}
    body = RAW + weight.tobytes() + bias
    if group == 1:
        return Layer("Convolution", numbers, body)
    return Layer("ConvolutionDepthWise", numbers | {7: group}, body)


def _product(op: Operator) -> Layer:
    plain = {"alpha": 1.0, "beta": 1.0, "transA": 0}
    op.require(holds=all(op.attribute(k, v) == v for k, v in plain.items()), what="scaling")
    weight = op.weight(1)
    op.require(holds=weight.ndim == 2, what="other than a matrix")
    by_output = weight if op.attribute("transB", 0) else np.ascontiguousarray(weight.T)
    bias = op.weight(2).tobytes() if op.raw(2) is not None else b""
    numbers = {0: by_output.shape[0], 1: int(bool(bias)), 2: weight.size}
    return Layer("InnerProduct", numbers, RAW + by_output.tobytes() + bias)


def _prelu(op: Operator) -> Layer:
    slope = op.weight(1)
    by_channel = slope.ndim >= 3 and slope.shape[-3] == slope.size
    op.require(holds=by_channel or slope.size == 1, what="slopes that are not one a channel")
    return Layer("PReLU", {0: slope.size}, slope.tobytes())


def _normalization(op: Operator) -> Layer:
    op.require(holds=not op.attribute("training_mode", 0), what="statistics of its own")
    scale, shift, mean, variance = (op.weight(index) for index in (1, 2, 3, 4))
    weights = b"".join(each.tobytes() for each in (scale, mean, variance, shift))
    return Layer("BatchNorm", {0: scale.size, 1: float(op.attribute("epsilon", 1e-5))}, weights)


def _pooling(op: Operator) -> Layer:
    op.require(holds=not op.attribute("ceil_mode", 0), what="rounding up")
    op.require(holds=set(op.attribute("dilations", [1])) == {1}, what="dilation")
    op.require(holds=op.attribute("auto_pad", b"NOTSET") == b"NOTSET", what="automatic padding")
    high, wide = op.attribute("kernel_shape", [1, 1])
    step = op.attribute("strides", [1, 1])
    top, left, bottom, right = op.attribute("pads", [0, 0, 0, 0])
    numbers = {0: 0, 1: wide, 11: high, 2: step[1], 12: step[0], 5: 1}
    return Layer("Pooling", numbers | {3: left, 14: right, 13: top, 15: bottom})


def _addition(op: Operator) -> Layer:
    op.require(holds=len(op.inputs) == 2, what="a constant")
    return Layer("BinaryOp", {0: 0})


def _flattening(op: Operator) -> Layer:
    op.require(holds=op.attribute("axis", 1) == 1, what="another axis")
    return Layer("Flatten")


def _reshaping(op: Operator) -> Layer:
    shape = op.raw(1)
    op.require(holds=shape is not None and shape.size == 2, what="more than flattening")
    return Layer("Flatten")


LAYERS: dict[str, Callable[[Operator], Layer]] = {
    "Add": _addition,
    "BatchNormalization": _normalization,
    "Conv": _convolution,
    "Dropout": lambda _: Layer("Noop"),
    "Flatten": _flattening,
    "Gemm": _product,
    "Identity": lambda _: Layer("Noop"),
    "MatMul": _product,
    "MaxPool": _pooling,
    "PRelu": _prelu,
    "Relu": lambda _: Layer("ReLU"),
    "Reshape": _reshaping,
}


def write(branch: Branch, constants: Constants) -> Written:
    """The two files. Branches of one network come out equal, whatever their tensors are called.

    Raises Unconvertible for an operator, or a use of one, that is not among LAYERS.
    """
    operators = [Operator(node, constants) for node in branch.nodes]
    blobs = _Blobs(Counter(name for op in operators for name in op.inputs))
    lines, weights = ["Input in 0 1 " + START], bytearray()
    lines += blobs.named(branch.start, START)
    for number, op in enumerate(operators):
        if op.type not in LAYERS:
            raise Unconvertible(f"{op.type} is no operator it knows")
        layer, taken, blob = LAYERS[op.type](op), blobs.taken(op.inputs), f"b{number}"
        numbers = (f"{key}={_number(value)}" for key, value in layer.parameters.items())
        lines.append(" ".join((layer.type, blob, str(len(taken)), "1", *taken, blob, *numbers)))
        lines += blobs.named(op.node.output[0], blob)
        weights += layer.weights
    count = sum(1 + int(line.split()[3]) - 1 for line in lines)
    text = "\n".join([MAGIC, f"{len(lines)} {count}", *lines, ""])
    return Written(text, bytes(weights), blob)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.9e}"


class _Blobs:
    """Tensors by ncnn's names: a blob is read once, so one that is read twice is split first."""

    def __init__(self, readers: Counter[str]) -> None:
        self._readers = readers
        self._free: dict[str, list[str]] = {}

    def named(self, tensor: str, blob: str) -> list[str]:
        """Makes `tensor` known as `blob`; the line of the layer that splits it, where needed."""
        count = self._readers[tensor]
        if count < 2:
            self._free[tensor] = [blob]
            return []
        copies = [f"{blob}_{number}" for number in range(count)]
        self._free[tensor] = copies[::-1]
        return [" ".join(("Split", f"{blob}_", "1", str(count), blob, *copies))]

    def taken(self, tensors: Sequence[str]) -> list[str]:
        return [self._free[tensor].pop() for tensor in tensors]
