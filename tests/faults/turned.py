"""Another model of the crops of tests/faults/crops.py: the same features under a projection."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models import bundle as bundles
from models.assembly import Description, assembling, golden_of, manifest
from service.embedding import Recognizer
from service.onnx import open_session
from tests.faults import crops

DIMENSION: Final = 128


def bundle_in(directory: Path, straight: Path) -> Path:
    """Makes the bundle `turned` of the bundle `straight` of crops.py; its directory."""
    out = directory / "turned"
    with assembling(out) as scratch:
        model = onnx.load(str(straight / bundles.RECOGNIZER))
        _turn(model.graph)
        onnx.save(model, str(scratch / bundles.RECOGNIZER))
        (scratch / bundles.DETECTOR).write_bytes((straight / bundles.DETECTOR).read_bytes())
        session = open_session(scratch / bundles.RECOGNIZER, provider="cpu", threads=1)
        golden = golden_of(Recognizer(session))
        made = manifest(scratch, Description("turned"), golden, weights=1, calibration=None)
        bundles.write(scratch, made)
    return out


@lru_cache(4096)
def feature(seed: int) -> NDArray[np.float32]:
    """The (128,) feature of the seed's crop before it is given length 1."""
    return crops.feature(seed) @ _projection()


def template(seeds: Iterable[int]) -> NDArray[np.float32]:
    """The (128,) unit template of a person with these faces."""
    total = np.sum([feature(seed) for seed in seeds], axis=0, dtype=np.float64)
    return np.asarray(total / np.linalg.norm(total), np.float32)


@lru_cache(1)
def _projection() -> NDArray[np.float32]:
    drawn = np.random.default_rng(128).normal(size=(crops.DIMENSION, DIMENSION))
    return np.asarray(drawn / np.sqrt(crops.DIMENSION), np.float32)


def _turn(graph: onnx.GraphProto) -> None:
    """Puts the projection behind what the graph answers."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [f"straight_{n}" if n in {"embedding", "norm"} else n for n in names]
    graph.node.extend(
        [
            helper.make_node("MatMul", ["straight_embedding", "projection"], ["projected"]),
            helper.make_node("ReduceL2", ["projected"], ["shrunk"], axes=[1], keepdims=1),
            helper.make_node("Div", ["projected", "shrunk"], ["embedding"]),
            helper.make_node("Squeeze", ["shrunk", "last"], ["factor"]),
            helper.make_node("Mul", ["straight_norm", "factor"], ["norm"]),
        ]
    )
    graph.initializer.append(numpy_helper.from_array(_projection(), "projection"))
    del graph.output[:]
    graph.output.extend(
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIMENSION]),
            helper.make_tensor_value_info("norm", TensorProto.FLOAT, ["n"]),
        ]
    )
