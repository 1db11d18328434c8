"""A contract graph in half precision or in 8-bit integers; the pixels and the length stay float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

Precision = Literal["fp16", "int8"]
PRODUCTS = frozenset({"Conv", "Gemm", "MatMul"})
BATCH = 8


def to_fp16(source: Path, path: Path) -> None:
    """Writes `source` with float16 weights and activations between the first and last product.

    Weights beyond float16's range are clipped to it, and activations overflow: measure the answer.
    """
    model = folded(source)
    converted = OnnxModel(
        convert_float_to_float16(model, keep_io_types=True, node_block_list=outer(model.graph))
    )
    # Between two float32 nodes the converter rounds to float16 and back, which would cost the
    # norm half of its digits.
    _bridge(converted.model.graph)
    converted.prune_graph()
    converted.topological_sort()
    _save(converted.model, source, path, "fp16")


def to_int8(
    source: Path, path: Path, crops: NDArray[np.uint8], progress: Callable[[int], object]
) -> None:
    """Writes `source` with 8-bit products, but for the first: it sees pixels.

    QDQ, activations unsigned 8 bit by tensor, weights signed by channel and 7 bit wide: without
    VNNI x86 adds two 8-bit products into 16 bits that saturate, and the same file would answer
    differently on another processor (docs/adr/0003). Ranges are the extremes over `crops`
    (n, 112, 112, 3) uint8 RGB; `progress` is told how many were used.
    """
    with TemporaryDirectory(dir=path.parent) as scratch:
        plain = Path(scratch) / "folded.onnx"
        model = folded(source)
        onnx.save(model, str(plain))
        quantize_static(
            plain,
            path,
            _Reader(model.graph.input[0].name, crops, progress),
            op_types_to_quantize=sorted(PRODUCTS),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[*outer(model.graph), *first_products(model.graph)],
            calibrate_method=CalibrationMethod.MinMax,
        )
    _save(onnx.load(str(path)), source, path, "int8")


class _Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime has no types
    """Crops in batches, for as long as there are any."""

    def __init__(
        self, name: str, crops: NDArray[np.uint8], progress: Callable[[int], object]
    ) -> None:
        self.name, self.progress = name, progress
        self.batches = iter([crops[at : at + BATCH] for at in range(0, len(crops), BATCH)])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        if (batch := next(self.batches, None)) is None:
            return None
        self.progress(len(batch))
        return {self.name: batch}


def folded(source: Path) -> ModelProto:
    """The graph with constants and Identity folded and each node named: both tools need that."""
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "folded.onnx"
        quant_pre_process(str(source), str(path), skip_symbolic_shape=True)
        model = onnx.load(str(path))
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
    used = {node.domain for node in model.graph.node} | {""}
    # ONNX Runtime declares every domain it knows, which the checker of another version refuses.
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def outer(graph: GraphProto) -> list[str]:
    """The nodes that no product precedes, and those that none follows: pixels and length."""
    behind, before = _behind_a_product(graph.node), _before_a_product(graph.node)
    return [
        node.name
        for node in graph.node
        if node.op_type not in PRODUCTS and not (node.name in behind and node.name in before)
    ]


def first_products(graph: GraphProto) -> list[str]:
    """The convolutions (or patch embeddings) that look at pixels; two under flip fusion."""
    behind = _behind_a_product(graph.node)
    return [n.name for n in graph.node if n.op_type in PRODUCTS and n.name not in behind]


def _behind_a_product(nodes: Iterator[NodeProto]) -> set[str]:
    reached: set[str] = set()  # tensors
    names = set()
    for node in nodes:  # ONNX nodes are sorted: whatever one reads was written before
        if reached.intersection(node.input):
            names.add(node.name)
        if node.name in names or node.op_type in PRODUCTS:
            reached.update(node.output)
    return names


def _before_a_product(nodes: Iterator[NodeProto]) -> set[str]:
    needed: set[str] = set()
    names = set()
    for node in reversed(list(nodes)):
        if needed.intersection(node.output):
            names.add(node.name)
        if node.name in names or node.op_type in PRODUCTS:
            needed.update(node.input)
    return names


def _bridge(graph: GraphProto) -> None:
    """Lets the reader of a cast to float32 of a cast to float16 read what went into the first."""
    down = {n.output[0]: n.input[0] for n in graph.node if _casts(n, TensorProto.FLOAT16)}
    around = {
        n.output[0]: down[n.input[0]]
        for n in graph.node
        if _casts(n, TensorProto.FLOAT) and n.input[0] in down
    }
    outputs = {output.name for output in graph.output}
    for node in graph.node:
        if node.output[0] in outputs and node.output[0] in around:
            node.op_type, source = "Identity", around[node.output[0]]
            del node.attribute[:]
            node.input[0] = source
            continue
        for place, name in enumerate(node.input):
            node.input[place] = around.get(name, name)


def _casts(node: NodeProto, to: int) -> bool:
    return node.op_type == "Cast" and any(a.name == "to" and a.i == to for a in node.attribute)


def _save(model: ModelProto, source: Path, path: Path, precision: Precision) -> None:
    """With what the original said of itself, and the precision."""
    original = onnx.load(str(source), load_external_data=False)
    said = {each.key: each.value for each in original.metadata_props}
    del model.graph.value_info[:]  # of other types now, in places
    helper.set_model_props(model, {**said, "precision": precision})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
