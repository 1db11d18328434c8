"""Rewrites a graph so that ONNX Runtime keeps it in its blocked layout on a CPU.

Its convolutions there want channels in blocks of a vector's width. PReLU is no operator of that
layout: before each the picture is put back in order, behind it into blocks again, and PReLU itself
takes one number at a time. For slopes a, one a channel,

    PReLU(x) = (1 - a) relu(x) + a x

is a ReLU and two depthwise 1x1 convolutions, the sum fused into one of them, all of that layout.
docs/adr/0008-one-core-a-caller.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, helper, numpy_helper

LARGEST = 2_000_000_000  # bytes: what protobuf can hand on in one piece
IMAGES = frozenset({"Add", "BatchNormalization", "Conv"})  # what they answer has (n, c, h, w)
Slopes = NDArray[np.float32]


def blocked(path: Path) -> bytes | None:
    """The rewritten model; None where there is nothing to rewrite, or it is quantized.

    The outputs differ by rounding. Raises what `onnx.load` does for a file that is no model.
    """
    model = onnx.load(str(path))
    graph = model.graph
    kinds = {node.op_type for node in graph.node}
    if "PRelu" not in kinds or "DequantizeLinear" in kinds or model.ByteSize() > LARGEST:
        return None
    slopes, images = _constants(graph), _images(graph)
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        found = slopes.get(node.input[1]) if node.op_type == "PRelu" else None
        if found is None or node.input[0] not in images or not _by_channel(found):
            graph.node.append(node)
        else:
            graph.node.extend(_written(graph, node, found.reshape(-1, 1, 1, 1)))
    written: bytes = model.SerializeToString()
    return written


def _constants(graph: GraphProto) -> dict[str, Slopes]:
    """Weights by name; exporters share them by nodes that only rename."""
    wanted = {node.input[1] for node in graph.node if node.op_type == "PRelu"}
    renamed = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}
    weights = {each.name: each for each in graph.initializer}
    named = {name: renamed.get(name, name) for name in wanted}
    return {
        name: numpy_helper.to_array(weights[origin])
        for name, origin in named.items()
        if origin in weights
    }


def _images(graph: GraphProto) -> set[str]:
    return {name for node in graph.node if node.op_type in IMAGES for name in node.output}


def _by_channel(slopes: Slopes) -> bool:
    """Whether there is a slope for each channel; a single one is for all, however many there are."""
    by_channel = slopes.ndim >= 3 and slopes.shape[-3] == slopes.size > 1
    return by_channel and slopes.dtype == np.float32


def _written(graph: GraphProto, node: NodeProto, slopes: Slopes) -> Iterator[NodeProto]:
    """The nodes in place of a PReLU; their weights are added to the graph."""
    [given, _], [answer] = node.input, node.output
    positive, above, below = (f"{answer}/{part}" for part in ("relu", "above", "below"))
    yield helper.make_node("Relu", [given], [positive])
    for image, out, weight in ((given, below, slopes), (positive, above, 1 - slopes)):
        graph.initializer.append(numpy_helper.from_array(weight, f"{out}/weight"))
        yield helper.make_node("Conv", [image, f"{out}/weight"], [out], group=len(weight))
    yield helper.make_node("Add", [above, below], [answer])
