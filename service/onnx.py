"""ONNX Runtime sessions; the only file of the service that imports it."""

from __future__ import annotations

import ctypes
import logging
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.bundle import sha256
from service.blocked import blocked
from service.cores import crowded
from service.errors import StartupError
from service.providers import (
    BUCKETS,
    PROVIDERS,
    Hardware,
    Node,
    Provider,
    Shape,
    audit,
    bucket,
    engine_directory,
    provider_options,
)

log = logging.getLogger("service")


class Session(Protocol):
    """What a network is asked through: ONNX Runtime's session, or what answers like it."""

    def get_inputs(self) -> Sequence[Any]: ...
    def get_outputs(self) -> Sequence[Any]: ...
    def run(self, names: Sequence[str] | None, feeds: Any) -> list[Any]: ...


def open_session(model: Path, *, provider: Provider, threads: int) -> Session:
    """A session on exactly the provider asked for, `threads` wide. Raises as `open_on` does."""
    return open_on(model, Hardware(provider=provider, threads=threads))


def open_on(model: Path, hardware: Hardware) -> Session:
    """A session on exactly that hardware, audited: one line says where its nodes are.

    On a CPU with several threads it is an `Elastic` one. Raises StartupError when the file is no
    model, or when ONNX Runtime would quietly run it, or its products, on another provider.
    """
    if hardware.provider != "cpu":
        return _opened(model, None, hardware)
    try:
        graph = blocked(model)
    except Exception as error:  # what a damaged file makes protobuf raise
        raise _unloadable(model, error) from error
    opened = _opened(model, graph, hardware)
    if hardware.threads == 1:
        return opened
    return Elastic(opened, _opened(model, graph, replace(hardware, threads=1)))


def _unloadable(model: Path, error: Exception) -> StartupError:
    return StartupError(f"{model} cannot be loaded by ONNX Runtime: {error}")


def _opened(model: Path, graph: bytes | None, hardware: Hardware) -> Session:
    """A session over `graph`, or the file itself where there is none."""
    wanted = PROVIDERS[hardware.provider]
    if wanted not in (available := onnxruntime.get_available_providers()):
        raise StartupError(
            f"{wanted} is not available, only {', '.join(available)}; install onnxruntime-gpu in "
            "place of onnxruntime, or set FACE_PROVIDER=cpu."
        )
    try:
        inputs = {} if hardware.provider == "cpu" else _inputs(model)
        kept = _keeping(model, hardware)
        session = onnxruntime.InferenceSession(
            graph or str(model), session_options(kept), providers=provider_options(kept, inputs)
        )
    except Exception as error:  # ONNX Runtime raises a class of its own per cause
        raise _unloadable(model, error) from error
    if session.get_providers()[0] != wanted:
        raise StartupError(
            f"{wanted} could not be started, ONNX Runtime fell back to "
            f"{session.get_providers()[0]}; check the driver, or set FACE_PROVIDER=cpu."
        )
    level = logging.DEBUG if hardware.provider == "cpu" else logging.INFO
    log.log(level, "%s: %s", model.name, audit(hardware.provider, placement(session)))
    opened: Session = session
    return opened


def session_options(hardware: Hardware) -> onnxruntime.SessionOptions:
    """Threads and memory: sizes and switches were measured, `adaface tune` measures them anew."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = hardware.threads
    options.inter_op_num_threads = 1  # a face network is one chain; there is nothing beside it
    options.enable_cpu_mem_arena = hardware.arena  # without it 10 to 15 % slower
    options.log_severity_level = 3
    # Idle threads of one session must not spin on the cores another one computes on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options


def placement(session: onnxruntime.InferenceSession) -> list[Node]:
    """Provider and operator of every node, as ONNX Runtime recorded them when it loaded the graph."""
    return [
        (part.ep_name, node.op_type)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    ]


class Elastic:
    """A session on all cores while nobody else computes, and on one as soon as somebody does.

    Threads that share a run wait for each other at every layer: a core to each of several callers
    does more in all, and all cores to a single caller answer it sooner. Both give the same bits.
    The price is a second copy of the weights. Thread-safe.
    """

    def __init__(self, wide: Session, narrow: Session) -> None:
        self._wide, self._narrow = wide, narrow

    def get_inputs(self) -> Sequence[Any]:
        return self._wide.get_inputs()

    def get_outputs(self) -> Sequence[Any]:
        return self._wide.get_outputs()

    def run(self, names: Sequence[str] | None, feeds: Any) -> list[Any]:
        return (self._narrow if crowded() else self._wide).run(names, feeds)


class Bucketed:
    """A session that only ever sees batches of a few sizes, each of them seen before the start.

    A GPU searches its algorithms anew for each new shape, with a request waiting. Batches are
    filled up with zeros, and larger ones come in parts.
    """

    def __init__(self, session: Session, buckets: Sequence[int] = BUCKETS) -> None:
        self._session, self._buckets = session, buckets

    def get_inputs(self) -> Sequence[Any]:
        return self._session.get_inputs()

    def get_outputs(self) -> Sequence[Any]:
        return self._session.get_outputs()

    def warm(self) -> None:
        """Asks once for every size, the largest first: memory is then taken once."""
        [given] = self.get_inputs()
        names = [each.name for each in self.get_outputs()]
        for size in reversed(self._buckets):
            empty = np.zeros((size, *given.shape[1:]), np.uint8)
            self._session.run(names, {given.name: empty})

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[Any]:
        [(name, batch)] = feeds.items()
        largest = self._buckets[-1]
        parts = [
            self._padded(names, name, batch[at : at + largest])
            for at in range(0, max(len(batch), 1), largest)
        ]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def _padded(self, names: Sequence[str] | None, name: str, part: NDArray[Any]) -> list[Any]:
        count = len(part)
        missing = bucket(count, self._buckets) - count
        full = np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)])
        return [each[:count] for each in self._session.run(names, {name: full})]


def _inputs(model: Path) -> dict[str, Shape]:
    """Names and shapes of a model's inputs, read on the CPU."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(model), options, providers=[PROVIDERS["cpu"]])
    return {each.name: each.shape for each in session.get_inputs()}


def _keeping(model: Path, hardware: Hardware) -> Hardware:
    """The same hardware, with the directory of this model's engines where TensorRT keeps some."""
    if hardware.provider != "cpu":
        onnxruntime.preload_dlls()  # CUDA's and cuDNN's libraries out of their wheels
    if hardware.provider != "tensorrt" or hardware.engines is None:
        return hardware
    directory = engine_directory(
        hardware.engines,
        model=sha256(model),
        runtime=onnxruntime.__version__,
        tensorrt=_tensorrt_version(),
        gpu=_gpu(hardware.device),
    )
    for each in (hardware.engines.parent, hardware.engines, directory):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)  # the first is the data directory
    return replace(hardware, engines=directory)


def _tensorrt_version() -> str:
    """As the library tells it: 101303 is 10.13.3."""
    return str(ctypes.CDLL("libnvinfer.so.10").getInferLibVersion())


def _gpu(device: int) -> str:
    """Name and driver of the card."""
    command = ["nvidia-smi", "-i", str(device), "--query-gpu=name,driver_version"]
    command += ["--format=csv,noheader"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - fixed words and a number
    return done.stdout.strip()
