"""A bundle's networks in a plain loop: no HTTP, no queue, nobody else. The ceiling of a service.

A process of its own that obeys one JSON line after another, so that it can take turns with a
server: `Bare.measure` asks, `main` answers.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from pydantic import BaseModel

from models import bundle as bundles
from models.alignment import align
from service.detection import Detector
from service.embedding import Recognizer
from service.images import Limits, decode
from tests.bench.load import ROOT


class Turn(BaseModel):
    """`callers` threads go through `files` for `seconds`; with `aligned` these are crops.

    `batch` crops are embedded at once; of a photograph it is all its faces.
    """

    files: list[Path]
    seconds: float
    callers: int
    aligned: bool = False
    batch: int = 1


class Done(BaseModel):
    """Files finished a second, and the embeddings of the first of them."""

    rate: float
    embeddings: list[list[float]]


class Bare:
    """The process, asked from outside. `threads` is the width of each ONNX Runtime session."""

    def __init__(self, bundle: Path, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.bare", str(bundle), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )

    def __call__(self, turn: Turn) -> Done:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(turn.model_dump_json().encode() + b"\n")
        self._process.stdin.flush()
        return Done.model_validate_json(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)


@contextmanager
def bare(bundle: Path, threads: int) -> Iterator[Bare]:
    running = Bare(bundle, threads)
    try:
        yield running
    finally:
        running.close()


class Loop:
    """The networks, and what is done with one file."""

    def __init__(self, directory: Path, threads: int) -> None:
        cv2.setNumThreads(1)
        bundle = bundles.load(directory)
        self._detector = Detector(_plain(bundle.detector, threads), bundle.manifest.detector)
        self._recognizer = Recognizer(_plain(bundle.recognizer, threads))
        self._limits = Limits()

    def photographs(self, bodies: list[bytes]) -> list[list[float]]:
        return [row for body in bodies for row in self._photograph(body)]

    def crops(self, bodies: list[bytes]) -> list[list[float]]:
        crops = np.stack([decode(body, self._limits) for body in bodies])
        embeddings: list[list[float]] = self._recognizer(crops).embeddings.tolist()
        return embeddings

    def _photograph(self, body: bytes) -> list[list[float]]:
        image = decode(body, self._limits)
        crops = [align(image, face.landmarks) for face in self._detector(image)]
        embeddings: list[list[float]] = self._recognizer(np.stack(crops)).embeddings.tolist()
        return embeddings


def _plain(model: Path, threads: int) -> onnxruntime.InferenceSession:
    """The file as ONNX Runtime reads it: nothing that the service does to a graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _turn(loop: Loop, turn: Turn) -> Done:
    bodies = [path.read_bytes() for path in turn.files]
    work = loop.crops if turn.aligned else loop.photographs
    first = work(bodies)  # warms, too
    groups = [bodies[n : n + turn.batch] for n in range(0, len(bodies), turn.batch)]
    with ThreadPoolExecutor(turn.callers) as pool:
        rates = pool.map(lambda _: _rate(work, groups, turn.seconds), range(turn.callers))
        return Done(rate=sum(rates), embeddings=first)


def _rate(
    work: Callable[[list[bytes]], object], groups: list[list[bytes]], seconds: float
) -> float:
    """Files a second of one thread, whole runs only."""
    started, done = time.perf_counter(), 0
    for group in cycle(groups):
        work(group)
        done += len(group)
        if (spent := time.perf_counter() - started) >= seconds:
            break
    return done / spent


def main() -> None:
    loop = Loop(Path(sys.argv[1]), int(sys.argv[2]))
    for line in sys.stdin:
        sys.stdout.write(_turn(loop, Turn.model_validate_json(line)).model_dump_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
