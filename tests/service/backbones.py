"""Contract graphs of any layers the Winograd engine knows, with random weights."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper


class Graph:
    """A contract graph that grows by one layer after another."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self.tensor, self.shape = "pixels", (3, 16, 20)
        self.nodes += [
            helper.make_node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node("Cast", ["planes"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["floats", self.constant(np.float32(127.5))], ["pixels"]),
        ]

    def constant(self, value: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def normal(self, *shape: int) -> str:
        scale = 1 / np.sqrt(max(1, np.prod(shape[1:])))
        return self.constant((scale * self.random.normal(size=shape)).astype(np.float32))

    def add(self, operator: str, *weights: str, **attributes: object) -> None:
        output = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operator, [self.tensor, *weights], [output], **attributes)
        )
        self.tensor = output

    def convolve(self, outputs: int, kernel: tuple[int, int], stride: int, group: int) -> None:
        inputs, high, wide = self.shape
        if min(high, wide) < 6:  # a side never vanishes
            stride, kernel = 1, (min(kernel[0], 3), kernel[1])
        (up, left), (down, right) = self.random.integers(0, 2, (2, 2))
        pads = [int(up) + 1, int(left) + 1, int(down) + 1, int(right) + 1]
        weights = [self.normal(outputs, inputs // group, *kernel), self.normal(outputs)]
        self.add(
            "Conv",
            *weights[: self.random.integers(1, 3)],
            kernel_shape=kernel,
            strides=[stride, stride],
            pads=pads,
            group=group,
        )
        sides = zip((high, wide), kernel, pads[:2], pads[2:], strict=True)
        high, wide = ((side + a + b - k) // stride + 1 for side, k, a, b in sides)
        self.shape = (outputs, high, wide)

    def shortcut(self) -> None:
        """x + f(x), with f a convolution that keeps the shape."""
        before, channels = self.tensor, self.shape[0]
        self.add("Conv", self.normal(channels, channels, 3, 3), pads=[1, 1, 1, 1])
        self.add("Add", before)

    def normalize(self) -> None:
        channels = self.shape[0]
        spread = self.constant(self.random.uniform(0.5, 2, channels).astype(np.float32))
        self.add(
            "BatchNormalization",
            self.normal(channels),
            self.normal(channels),
            self.normal(channels),
            spread,
        )

    def pool(self) -> None:
        if min(self.shape[1:]) < 6:
            return
        self.add("MaxPool", kernel_shape=[1, 1], strides=[2, 2])
        self.shape = (self.shape[0], *(-(-side // 2) for side in self.shape[1:]))

    def model(self, *, by_product: bool) -> ModelProto:
        count = int(np.prod(self.shape))
        self.add("Flatten")
        if by_product:
            self.add("MatMul", self.normal(count, 12))
        else:
            self.add("Gemm", self.normal(12, count), self.normal(12), transB=1)
        self.nodes += [
            helper.make_node("ReduceL2", [self.tensor], ["length"], axes=[1], keepdims=1),
            helper.make_node("Div", [self.tensor, "length"], ["embedding"]),
            helper.make_node("ReduceL2", [self.tensor], ["norm"], axes=[1], keepdims=0),
        ]
        images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 16, 20, 3])
        outputs = [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 12]),
            helper.make_tensor_value_info("norm", TensorProto.FLOAT, ["n"]),
        ]
        graph = helper.make_graph(self.nodes, "graph", [images], outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@st.composite
def models(draw: st.DrawFn) -> ModelProto:
    graph = Graph(draw(st.integers(0, 2**16)))
    kernels = st.sampled_from([(1, 1), (3, 3), (5, 3)])
    for _ in range(draw(st.integers(1, 4))):
        group = draw(st.sampled_from([1, 1, graph.shape[0]]))
        width = (
            group * draw(st.sampled_from([1, 2])) if group > 1 else draw(st.sampled_from([4, 8]))
        )
        graph.convolve(width, draw(kernels), draw(st.sampled_from([1, 2])), group)
        channels = graph.shape[0]
        extra = draw(
            st.sampled_from(["prelu", "one slope", "relu", "norm", "shortcut", "pool", ""])
        )
        if extra == "prelu":
            graph.add("PRelu", graph.normal(channels, 1, 1))
        elif extra == "one slope":
            graph.add("PRelu", graph.normal(1))
        elif extra == "relu":
            graph.add("Relu")
        elif extra:
            {"norm": graph.normalize, "shortcut": graph.shortcut, "pool": graph.pool}[extra]()
    return graph.model(by_product=draw(st.booleans()))
