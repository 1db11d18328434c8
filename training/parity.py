"""Whether an exported graph answers as the PyTorch module it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from models.golden import Features, Recognize, picture

BATCHES = (1, 2, 7)
LEAST_COSINE, MOST_NORM_ERROR, MOST_LENGTH_ERROR = 0.99999, 1e-4, 1e-5
OUTPUTS = ["embedding", "norm"]
Session: TypeAlias = onnxruntime.InferenceSession


class ParityError(ValueError):
    """The graph must not be used; the message says how far it is off and on which pictures."""


class Parity(NamedTuple):
    """The worst of ONNX Runtime against PyTorch over `PICTURES` in every one of `batches`."""

    cosine_min: float  # of the two embeddings
    norm_error_max: float  # |norm / PyTorch's norm - 1|
    length_error_max: float  # |length of ONNX Runtime's embedding - 1|
    worst: str  # the picture with the lowest cosine
    batches: tuple[int, ...] = BATCHES

    @property
    def holds(self) -> bool:
        """Whether every bar is met; not-a-number meets none."""
        return (
            self.cosine_min >= LEAST_COSINE
            and self.norm_error_max <= MOST_NORM_ERROR
            and self.length_error_max <= MOST_LENGTH_ERROR
        )

    def __str__(self) -> str:
        return (
            f"cosine {self.cosine_min:.7f} (at least {LEAST_COSINE}), relative norm error "
            f"{self.norm_error_max:.1e} (at most {MOST_NORM_ERROR:.0e}), length error "
            f"{self.length_error_max:.1e} (at most {MOST_LENGTH_ERROR:.0e}), worst on "
            f"{self.worst}, batches {', '.join(map(str, self.batches))}"
        )


def _pictures() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    for seed in range(2):
        noise = np.random.default_rng(seed).integers(0, 256, (112, 112, 3), np.uint8)
        yield f"noise {seed}", noise
    for seed in range(3):
        yield f"golden picture {seed}", picture(seed)
    yield "black", np.zeros((112, 112, 3), np.uint8)
    yield "white", np.full((112, 112, 3), 255, np.uint8)


PICTURES = dict(_pictures())


def open_recognizer(path: Path, *, threads: int = 0) -> Recognize:
    """The contract graph in `path` on the CPU, `threads` wide; 0 takes every core.

    Raises ParityError where ONNX Runtime cannot load it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    try:
        session = Session(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a class of its own per cause
        raise ParityError(f"{path} cannot be loaded by ONNX Runtime: {error}") from error
    feed = session.get_inputs()[0].name

    def recognize(crops: NDArray[np.uint8]) -> Features:
        embeddings, norms = session.run(OUTPUTS, {feed: crops})
        return Features(embeddings, norms.reshape(-1))

    return recognize


def compare(recognizer: nn.Module, path: Path) -> Parity:
    """Asks both about `PICTURES`; PyTorch once, ONNX Runtime in batches of `BATCHES`.

    `recognizer` maps (n, 112, 112, 3) uint8 RGB to embedding (n, d) and norm (n,), as
    `training.export.Recognizer` does. Raises ParityError where ONNX Runtime cannot load `path`.
    """
    pictures = np.stack(list(PICTURES.values()))
    with torch.no_grad():
        wanted = Features(*(answer.numpy() for answer in recognizer(torch.from_numpy(pictures))))
    recognize = open_recognizer(path)
    reports = [_difference(wanted, _in_batches(recognize, pictures, size)) for size in BATCHES]
    # Minimum and maximum pass not-a-number on, which `holds` then refuses.
    worst = reports[int(np.argmin([report.cosine_min for report in reports]))]
    return worst._replace(
        norm_error_max=float(np.max([report.norm_error_max for report in reports])),
        length_error_max=float(np.max([report.length_error_max for report in reports])),
    )


def _in_batches(recognize: Recognize, crops: NDArray[np.uint8], size: int) -> Features:
    answers = [recognize(crops[start : start + size]) for start in range(0, len(crops), size)]
    return Features(*(np.concatenate(parts) for parts in zip(*answers, strict=True)))


def _difference(wanted: Features, found: Features) -> Parity:
    truth = wanted.embeddings.astype(np.float64)
    vectors = found.embeddings.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = (truth * vectors).sum(axis=1) / (lengths * np.linalg.norm(truth, axis=1))
    return Parity(
        cosine_min=float(cosines.min()),
        norm_error_max=float(np.abs(found.norms.astype(np.float64) / wanted.norms - 1).max()),
        length_error_max=float(np.abs(lengths - 1).max()),
        worst=list(PICTURES)[int(np.argmin(cosines))],
    )
