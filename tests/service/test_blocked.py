"""PReLUs that ONNX Runtime computes without leaving its blocked layout."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from service.blocked import blocked
from service.errors import StartupError
from service.onnx import open_session
from service.settings import STARTER

Floats = NDArray[np.float32]
RECOGNIZER = STARTER / "recognizer.onnx"


def network(path: Path, slopes: Floats, *, shared: bool = False) -> Path:
    """A convolution, its PReLU, another convolution: (n, 3, h, w) -> (n, 4, h, w)."""
    random = np.random.default_rng(0)
    channels = 16
    weights = {
        "first": random.standard_normal((channels, 3, 3, 3)).astype(np.float32),
        "slopes": slopes,
        "second": random.standard_normal((4, channels, 3, 3)).astype(np.float32),
    }
    named = "renamed" if shared else "slopes"
    nodes = [
        helper.make_node("Identity", ["slopes"], ["renamed"]),
        helper.make_node("Conv", ["image", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("PRelu", ["a", named], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], pads=[1, 1, 1, 1]),
    ]
    graph = helper.make_graph(
        nodes if shared else nodes[1:],
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, None, None])],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, ["n", 4, None, None])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    onnx.save(model, str(path))
    return path


def plain(model: str | bytes) -> Any:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def operators(model: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(model).graph.node)


@settings(max_examples=25, deadline=None)
@given(
    slopes=st.lists(st.floats(-2, 2, width=32), min_size=16, max_size=16),
    image=st.tuples(st.integers(1, 3), st.integers(3, 9), st.integers(3, 9)),
    shared=st.booleans(),
)
def test_the_rewritten_network_answers_as_the_given_one(
    tmp_path_factory: pytest.TempPathFactory,
    slopes: list[float],
    image: tuple[int, int, int],
    shared: bool,
) -> None:
    column = np.array(slopes, np.float32).reshape(-1, 1, 1)
    path = network(tmp_path_factory.mktemp("net") / "model.onnx", column, shared=shared)
    count, high, wide = image
    pixels = np.random.default_rng(1).standard_normal((count, 3, high, wide)).astype(np.float32)
    rewritten = blocked(path)
    assert rewritten is not None
    assert operators(rewritten)["PRelu"] == 0
    [theirs], [ours] = (plain(m).run(None, {"image": pixels}) for m in (str(path), rewritten))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1,), (1, 1, 1), (16, 1, 5)])
def test_slopes_that_are_not_one_a_channel_stay(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = network(tmp_path / "model.onnx", np.full(shape, 0.25, np.float32))
    rewritten = blocked(path)
    assert rewritten is not None
    assert operators(rewritten)["PRelu"] == 1


def test_a_network_without_prelu_is_opened_as_it_is() -> None:
    assert blocked(STARTER / "detector.onnx") is None


def test_a_file_that_is_no_model_is_a_start_up_error(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(StartupError, match=r"broken\.onnx cannot be loaded"):
        open_session(tmp_path / "broken.onnx", provider="cpu", threads=1)


def test_the_starter_answers_as_before_and_never_leaves_the_blocked_layout(tmp_path: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), np.uint8)
    feeds = {plain(str(RECOGNIZER)).get_inputs()[0].name: crops}
    rewritten = blocked(RECOGNIZER)
    assert rewritten is not None
    ours, theirs = plain(rewritten).run(None, feeds), plain(str(RECOGNIZER)).run(None, feeds)
    for mine, given_ in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, given_, rtol=1e-5, atol=1e-6)
    turns = {
        name: reorders(model, feeds, tmp_path / name)
        for name, model in (("given", RECOGNIZER.read_bytes()), ("rewritten", rewritten))
    }
    assert turns["rewritten"] < turns["given"] / 2


def reorders(model: bytes, feeds: dict[str, NDArray[np.uint8]], prefix: Path) -> int:
    """How often ONNX Runtime goes from one layout to the other in a run."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(prefix)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    session.run(None, feeds)
    events = json.loads(Path(session.end_profiling()).read_text())
    ran = [each["args"]["op_name"] for each in events if each["name"].endswith("kernel_time")]
    return sum(name in ("ReorderInput", "ReorderOutput") for name in ran)
