"""What rewriting PReLU gains: the same recognizer with and without, in alternating rounds.

`.venv/bin/python -m tests.benchmarks.blocked [RECOGNIZER.onnx ...]`; without a file the starter's
and the random IR-101 of the benchmark. Quote ratios, which are medians over rounds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime

from models import bundle as bundles
from service.blocked import blocked
from service.settings import STARTER
from tests.bench.engine import bundle as ir101

ROUNDS = 9


def opened(model: str | bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def milliseconds(session: onnxruntime.InferenceSession, crops: np.ndarray) -> float:
    started, runs = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < 0.3 or not runs:
        session.run(None, {session.get_inputs()[0].name: crops})
        runs += 1
    return 1000 * spent / runs


def compare(path: Path) -> None:
    rewritten = blocked(path)
    if rewritten is None:
        print(f"{path}: nothing to rewrite")
        return
    crops = np.random.default_rng(0).integers(0, 256, (4, 112, 112, 3), np.uint8)
    for threads in (1, 2):
        plain, ours = opened(str(path), threads), opened(rewritten, threads)
        for batch in (1, 4):
            rounds = [
                [milliseconds(s, crops[:batch]) for s in (plain, ours)] for _ in range(ROUNDS)
            ]
            before, after = (median(each) for each in zip(*rounds, strict=True))
            ratio = median(a / b for a, b in rounds)
            print(
                f"{path.parent.name}: {threads} threads, batch {batch}: {before:.2f} -> {after:.2f} ms,"
                f" {ratio:.2f} times"
            )


def main() -> None:
    given = [Path(each) for each in sys.argv[1:]]
    for path in given or [bundles.load(each).recognizer for each in (STARTER, ir101())]:
        compare(path)


if __name__ == "__main__":
    main()
