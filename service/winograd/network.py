"""Runs a converted recognizer: one crop to a core, and no core waits for another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ncnn
import numpy as np
from numpy.typing import NDArray

from service.onnx import open_session
from service.winograd.converting import HEAD, TAIL, Conversion
from service.winograd.writing import START

Floats = NDArray[np.float32]
EXACT = (  # what would round weights or activations to 16 bits
    "use_fp16_storage",
    "use_fp16_arithmetic",
    "use_fp16_packed",
    "use_bf16_storage",
    "use_bf16_packed",
)


class Winograd:
    """Answers as the session of the graph it was converted from, inputs and outputs alike.

    Each crop of a batch is computed by one thread: with several threads to a crop they would wait
    for each other at every layer, and where another program holds one of the cores all would
    (measured on two busy cores: a quarter of ONNX Runtime's speed, and 1.6 to 3.8 times it so).
    All threads share one copy of the weights. Thread-safe.
    """

    def __init__(self, conversion: Conversion, *, threads: int) -> None:
        directory, self._branches = conversion.directory, conversion.branches
        self._head = open_session(directory / HEAD, provider="cpu", threads=1)
        self._tail = open_session(directory / TAIL, provider="cpu", threads=1)
        stems = {branch.stem for branch in self._branches}
        self._nets = {stem: _net(str(directory / stem)) for stem in stems}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="winograd")

    def get_inputs(self) -> Sequence[Any]:
        return self._head.get_inputs()

    def get_outputs(self) -> Sequence[Any]:
        return self._tail.get_outputs()

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[Any]:
        """The outputs called `names` for a batch of any size."""
        starts = [branch.start for branch in self._branches]
        images = self._head.run(starts, feeds)
        count = len(images[0])
        jobs = [
            (self._nets[branch.stem], np.ascontiguousarray(batch[index]), branch.blob)
            for branch, batch in zip(self._branches, images, strict=True)
            for index in range(count)
        ]
        rows = list(self._pool.map(_forward, *zip(*jobs, strict=True))) if jobs else []
        ends = {
            branch.end: np.stack(rows[number * count : (number + 1) * count])
            for number, branch in enumerate(self._branches)
        }
        return self._tail.run(names, ends)


def _net(stem: str) -> ncnn.Net:
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_vulkan_compute = False
    for name in EXACT:
        setattr(net.opt, name, False)
    if net.load_param(f"{stem}.param") or net.load_model(f"{stem}.bin"):
        raise OSError(f"ncnn cannot load {stem}")
    return net


def _forward(net: ncnn.Net, image: Floats, blob: str) -> Floats:
    """(3, h, w) float32 -> the (d,) float32 in `blob`. ncnn leaves the GIL while it computes."""
    # The matrix only points at the array: `image` has to live until the copy is made.
    matrix = ncnn.Mat(image).clone()
    extractor = net.create_extractor()
    if extractor.input(START, matrix):
        raise RuntimeError("ncnn refused its input.")
    status, answer = extractor.extract(blob)
    if status:
        raise RuntimeError(f"ncnn could not compute {blob}.")
    return np.array(answer, np.float32).reshape(-1)
