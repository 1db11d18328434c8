"""Cuts a recognizer's graph where the convolutions begin and where they end.

What lies before them (pixels, colour order, mirror image) and behind them (lengths) stays with
ONNX Runtime, operator by operator as the bundle has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

HEAVY = frozenset({"Conv", "Gemm", "MatMul"})
Constants = Mapping[str, NDArray[np.generic]]


class Unconvertible(Exception):
    """The graph has something that cannot be computed exactly; the message says what."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A backbone from its one input to its one output; a graph with flip fusion has two."""

    start: str
    end: str
    nodes: list[NodeProto]


@dataclass(frozen=True, slots=True)
class Cut:
    """`head` answers every branch's start from the crops, `tail` everything from the ends."""

    head: ModelProto
    branches: list[Branch]
    tail: ModelProto
    constants: Constants


def cut(model: ModelProto) -> Cut:
    """The three parts of a contract graph. Raises Unconvertible where there is no such cut."""
    graph = model.graph
    constants = _constants(graph)
    nodes = [node for node in graph.node if node.output[0] not in constants]
    heavy = [node for node in nodes if node.op_type in HEAVY]
    behind = _reached(nodes, (node.output[0] for node in heavy))
    before = _reached_back(nodes, (node.input[0] for node in heavy))
    starts = _unique(node.input[0] for node in heavy if node.input[0] not in behind)
    ends = _unique(node.output[0] for node in heavy if node.output[0] not in before)
    if not starts:
        raise Unconvertible("it has no convolutions")
    branches = [_branch(nodes, starts, end, constants) for end in ends]
    head = _between(model, [each.name for each in graph.input], starts)
    tail = _between(model, ends, [each.name for each in graph.output])
    return Cut(head, branches, tail, constants)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _constants(graph: GraphProto) -> dict[str, NDArray[np.generic]]:
    """Weights by name, those included that a node only renames: exporters share weights so."""
    found = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
        elif node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def _reached(nodes: Sequence[NodeProto], tensors: Iterable[str]) -> set[str]:
    """`tensors` and all that is computed from them."""
    reached = set(tensors)
    for node in nodes:
        if reached & set(node.input):
            reached |= set(node.output)
    return reached


def _reached_back(nodes: Sequence[NodeProto], tensors: Iterable[str]) -> set[str]:
    """`tensors` and all that they are computed from."""
    reached = set(tensors)
    for node in reversed(nodes):
        if reached & set(node.output):
            reached |= set(node.input)
    return reached


def _branch(
    nodes: Sequence[NodeProto], starts: Sequence[str], end: str, constants: Constants
) -> Branch:
    wanted, taken, found = {end}, list[NodeProto](), set[str]()
    for node in reversed(nodes):
        if not wanted & set(node.output):
            continue
        taken.append(node)
        inputs = {name for name in node.input if name and name not in constants}
        found |= inputs & set(starts)
        wanted |= inputs - set(starts)
    outputs = {name for node in taken for name in node.output}
    if len(found) != 1 or wanted - outputs:
        raise Unconvertible(f"{end} is not computed from one image alone")
    return Branch(found.pop(), end, taken[::-1])


def _between(model: ModelProto, inputs: Sequence[str], outputs: Sequence[str]) -> ModelProto:
    """The part of a graph that computes `outputs` from `inputs`."""
    graph = model.graph
    wanted, taken = set(outputs) - set(inputs), list[NodeProto]()
    for node in reversed(graph.node):
        if wanted & set(node.output):
            taken.append(node)
            wanted |= set(node.input) - set(inputs)
    weights = [each for each in graph.initializer if each.name in wanted]
    computed = {name for node in taken for name in node.output} | {each.name for each in weights}
    if missing := wanted - computed - {""}:
        raise Unconvertible(f"{min(missing)} is needed on both sides of the convolutions")
    known = {each.name: each for each in (*graph.input, *graph.output)}

    def infos(names: Sequence[str]) -> list[ValueInfoProto]:
        made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
        return [known.get(info.name, info) for info in made]

    part = helper.make_graph(taken[::-1], "part", infos(inputs), infos(outputs), weights)
    made = helper.make_model(part, opset_imports=list(model.opset_import))
    made.ir_version = model.ir_version
    return made
