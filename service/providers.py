"""What ONNX Runtime is told about the hardware: plain values, decided without a GPU in reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal

from service.errors import StartupError

Provider = Literal["cpu", "cuda", "tensorrt"]
PROVIDERS: Mapping[Provider, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
BUCKETS = (1, 2, 4, 8, 16, 32)  # batch sizes a GPU sees; each costs it a search at first sight
HEAVY = frozenset({"Conv", "ConvTranspose", "FusedConv", "Gemm", "FusedGemm", "MatMul"})
STRIDE = 32  # the least side of a detector's input
Options = tuple[str, dict[str, str]]
Shape = Sequence[int | str | None]


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a session is to run on, and the longest side of its images where that is free.

    `engines` is where TensorRT keeps what it has built.
    """

    provider: Provider = "cpu"
    threads: int = 1
    arena: bool = True
    device: int = 0
    fp16: bool = True
    longest: int = 640
    engines: Path | None = None


def provider_options(hardware: Hardware, inputs: Mapping[str, Shape]) -> list[Options]:
    """The providers of a session in order of preference, with their options.

    `inputs` are the model's: name and shape, with a name or None where a side is free.
    """
    cuda = (PROVIDERS["cuda"], _cuda(hardware))
    return {
        "cpu": [(PROVIDERS["cpu"], _cpu())],
        "cuda": [cuda],
        "tensorrt": [(PROVIDERS["tensorrt"], _tensorrt(hardware, inputs)), cuda],
    }[hardware.provider]


def _cpu() -> dict[str, str]:
    return {}


def _cuda(hardware: Hardware) -> dict[str, str]:
    return {
        "device_id": str(hardware.device),
        # Every algorithm is tried for every shape. All shapes are warmed before the service is
        # ready, so the search is paid at the start and the winner kept.
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "cudnn_conv_use_max_workspace": "1",
        # The default doubles: of a card shared with others up to half would be held for nothing.
        "arena_extend_strategy": "kSameAsRequested",
        "do_copy_in_default_stream": "1",
        # TensorFloat-32 keeps 10 bits; whoever wants that speed takes FP16 knowingly.
        "use_tf32": "0",
    }


def _tensorrt(hardware: Hardware, inputs: Mapping[str, Shape]) -> dict[str, str]:
    options = {
        "device_id": str(hardware.device),
        "trt_fp16_enable": "1" if hardware.fp16 else "0",
        **{
            f"trt_profile_{name}_shapes": text
            for name, text in profile(inputs, hardware.longest).items()
        },
    }
    if hardware.engines is None:
        return options
    kept = str(hardware.engines)
    return options | {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": kept,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": kept,
    }


def profile(inputs: Mapping[str, Shape], longest: int = 640) -> dict[str, str]:
    """The least, the usual and the largest shape of each input: `images:1x112x112x3`.

    Without them TensorRT would build a new engine whenever a shape leaves the range it has seen,
    for minutes, with a request waiting.
    """
    sides = {"min": (1, STRIDE), "opt": (8, longest), "max": (BUCKETS[-1], longest)}
    if any(_free(shape[1:]) for shape in inputs.values()):  # a detector: one image at a time
        sides = {name: (1, side) for name, (_, side) in sides.items()}
    return {
        name: ",".join(
            f"{each}:{'x'.join(map(str, _fixed(shape, batch, side)))}"
            for each, shape in inputs.items()
        )
        for name, (batch, side) in sides.items()
    }


def _free(shape: Shape) -> bool:
    return any(not isinstance(side, int) for side in shape)


def _fixed(shape: Shape, batch: int, side: int) -> list[int]:
    first = [each if isinstance(each, int) else batch for each in shape[:1]]
    return first + [each if isinstance(each, int) else side for each in shape[1:]]


def engine_directory(engines: Path, *, model: str, runtime: str, tensorrt: str, gpu: str) -> Path:
    """Where the engines of one model on one machine are kept; `model` is its sha256.

    TensorRT does not notice that an engine was built by another version or for another card
    (ONNX Runtime's documentation says to delete the cache by hand), so all of it is in the name.
    """
    card = "".join(each if each.isalnum() else "-" for each in gpu.lower()).strip("-")
    return engines / f"tensorrt-{model[:32]}-ort-{runtime}-trt-{tensorrt}-{card}"


def bucket(count: int, buckets: Sequence[int] = BUCKETS) -> int:
    """The least bucket that holds `count`, or the largest there is."""
    return buckets[min(len(list(takewhile(lambda size: size < count, buckets))), len(buckets) - 1)]


Node = tuple[str, str]  # the provider a node was given to, and its operator


def audit(provider: Provider, nodes: Iterable[Node]) -> str:
    """One line on where the nodes of a graph are.

    Raises StartupError where products are not on the provider asked for: a service that computes
    them on the CPU beside an idle card is an outage that looks like a slow day.
    """
    wanted = PROVIDERS[provider]
    placed = list(nodes)
    if not placed:
        raise StartupError("ONNX Runtime placed no nodes; the model file is empty.")
    strayed = Counter(operator for where, operator in placed if where != wanted)
    named = ", ".join(f"{count} {operator}" for operator, count in sorted(strayed.items()))
    if heavy := sorted(strayed.keys() & HEAVY):
        raise StartupError(
            f"{', '.join(heavy)} would not run on {wanted} (elsewhere: {named}); check its driver and "
            "libraries, or set FACE_PROVIDER to what the machine has."
        )
    kept = len(placed) - sum(strayed.values())
    return f"{kept} of {len(placed)} nodes on {wanted}" + (f", elsewhere {named}" if named else "")
