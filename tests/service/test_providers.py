"""What ONNX Runtime is told about the hardware, and what it may not do behind one's back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.golden import picture
from service.embedding import Recognizer
from service.errors import StartupError
from service.onnx import Bucketed, open_on, open_session, placement, session_options
from service.providers import (
    BUCKETS,
    Hardware,
    audit,
    bucket,
    engine_directory,
    profile,
    provider_options,
)
from service.settings import STARTER

from .serving import command

RECOGNIZER = {"images": ["n", 112, 112, 3]}
DETECTOR = {"input.1": [1, 3, "?", "?"]}
CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))


def test_only_the_provider_asked_for_is_offered_and_tensorrt_may_hand_on_to_cuda() -> None:
    def names(provider: Any) -> list[str]:
        return [each for each, _ in provider_options(Hardware(provider=provider), RECOGNIZER)]

    assert names("cpu") == [CPU]
    assert names("cuda") == [CUDA]
    assert names("tensorrt") == [TENSORRT, CUDA]


def test_the_card_and_the_precision_are_those_of_the_settings() -> None:
    hardware = Hardware(provider="tensorrt", device=3, fp16=False)
    (_, tensorrt), (_, cuda) = provider_options(hardware, RECOGNIZER)
    assert tensorrt["device_id"] == cuda["device_id"] == "3"
    assert tensorrt["trt_fp16_enable"] == "0"
    assert cuda["use_tf32"] == "0"
    assert "trt_engine_cache_path" not in tensorrt
    half = Hardware(provider="tensorrt", engines=Path("kept"))
    [(_, options), _] = provider_options(half, RECOGNIZER)
    assert options["trt_fp16_enable"] == "1"
    assert options["trt_engine_cache_path"] == options["trt_timing_cache_path"] == "kept"


def test_tensorrt_is_told_every_shape_it_will_see() -> None:
    assert profile(RECOGNIZER) == {
        "min": "images:1x112x112x3",
        "opt": "images:8x112x112x3",
        "max": "images:32x112x112x3",
    }
    assert profile(DETECTOR)["min"] == "input.1:1x3x32x32"
    assert profile({"input.1": ["n", 3, None, None]})["max"] == "input.1:1x3x640x640"
    large = provider_options(Hardware(provider="tensorrt", longest=960), DETECTOR)[0][1]
    assert large["trt_profile_max_shapes"] == "input.1:1x3x960x960"


def test_engines_of_another_model_version_or_card_are_never_found() -> None:
    keys = {"model": "a" * 64, "runtime": "1.32.0", "tensorrt": "101303", "gpu": "NVIDIA H100, 570"}
    others = {"model": "b" * 64, "runtime": "1.33.0", "tensorrt": "101400", "gpu": "NVIDIA L4, 570"}
    first = engine_directory(Path("engines"), **keys)
    assert first.parent == Path("engines")
    assert {engine_directory(Path("engines"), **keys | {k: v}) for k, v in others.items()} & {
        first
    } == set()
    assert set(first.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


def test_products_on_the_cpu_beside_a_gpu_end_the_start() -> None:
    nodes = [(CUDA, "Conv")] * 100 + [(CPU, "Conv"), (CPU, "Gemm"), (CPU, "Shape")]
    with pytest.raises(StartupError, match=r"Conv, Gemm would not run on CUDA.*1 Shape"):
        audit("cuda", nodes)


def test_products_tensorrt_leaves_to_cuda_end_the_start_too() -> None:
    with pytest.raises(StartupError, match="Conv would not run on Tensorrt"):
        audit("tensorrt", [(TENSORRT, "Conv"), (CUDA, "Conv")])


def test_small_nodes_elsewhere_are_named_in_the_line() -> None:
    nodes = [(CUDA, "Conv"), (CPU, "Shape"), (CPU, "Shape"), (CPU, "Gather")]
    assert (
        audit("cuda", nodes) == "1 of 4 nodes on CUDAExecutionProvider, elsewhere 1 Gather, 2 Shape"
    )
    assert audit("cuda", nodes[:1]) == "1 of 1 nodes on CUDAExecutionProvider"
    with pytest.raises(StartupError):
        audit("cuda", [])


@pytest.mark.parametrize("name", ["recognizer.onnx", "detector.onnx"])
def test_onnx_runtime_says_where_every_node_of_a_real_model_is(name: str) -> None:
    session: Any = open_session(STARTER / name, provider="cpu", threads=1)
    nodes = placement(session)
    assert {where for where, _ in nodes} == {CPU}
    assert sum(operator == "Conv" for _, operator in nodes) > 20
    with pytest.raises(StartupError, match="Conv"):
        audit("cuda", nodes)


def test_threads_and_memory_are_those_of_the_settings() -> None:
    options = session_options(Hardware(threads=3, arena=False))
    assert options.intra_op_num_threads == 3
    assert options.inter_op_num_threads == 1
    assert not options.enable_cpu_mem_arena
    assert session_options(Hardware()).enable_cpu_mem_arena
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_never_replaced(tmp_path: Path, provider: Any) -> None:
    with pytest.raises(StartupError, match="install onnxruntime-gpu"):
        open_on(STARTER / "recognizer.onnx", Hardware(provider=provider))
    run = command("serve", provider=provider, data_dir=tmp_path / "data", port=0)
    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1


@given(count=st.integers(1, 100))
def test_the_bucket_is_the_least_that_holds_the_batch(count: int) -> None:
    chosen = bucket(count)
    assert chosen in BUCKETS
    assert chosen >= min(count, BUCKETS[-1])
    assert all(other < count for other in BUCKETS if other < chosen)


class Recorded:
    """A session that remembers the sizes of the batches it was given."""

    def __init__(self) -> None:
        self._session = open_session(STARTER / "recognizer.onnx", provider="cpu", threads=2)
        self.sizes: list[int] = []

    def get_inputs(self) -> Sequence[Any]:
        return self._session.get_inputs()

    def get_outputs(self) -> Sequence[Any]:
        return self._session.get_outputs()

    def run(self, names: Sequence[str] | None, feeds: dict[str, NDArray[np.uint8]]) -> list[Any]:
        self.sizes += [len(batch) for batch in feeds.values()]
        return self._session.run(names, feeds)


def test_a_gpu_sees_only_batches_it_was_warmed_with_and_answers_are_those_of_the_crops() -> None:
    session = Recorded()
    bucketed = Bucketed(session, (1, 2, 4))
    recognizer, plain = Recognizer(bucketed), Recognizer(session)
    bucketed.warm()
    assert session.sizes == [4, 2, 1]
    crops = np.stack([picture(seed) for seed in range(11)])
    alone = plain(crops)
    for count in (1, 2, 3, 5, 11):
        session.sizes.clear()
        found = recognizer(crops[:count])
        assert set(session.sizes) <= {1, 2, 4}
        assert found.embeddings.shape == (count, 128)
        np.testing.assert_allclose(found.embeddings, alone.embeddings[:count], atol=1e-5)
        np.testing.assert_allclose(found.norms, alone.norms[:count], rtol=1e-5)
