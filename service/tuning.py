"""Finds the settings under which a bundle embeds most faces a second on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.golden import picture
from service.embedding import Engine, Recognizer
from service.engine import open_recognizer
from service.providers import BUCKETS
from service.settings import Settings

PASSES = 3  # the best counts: whatever else the machine does only ever slows
EQUAL = 0.97  # of the best: what a second run might turn round
BATCHES = (1, 2, 4, 8)  # on a CPU; a GPU's are its buckets
Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Choice:
    """Values of FACE_ENGINE, FACE_THREADS, FACE_BATCH and FACE_ARENA."""

    engine: Engine
    threads: int
    batch: int
    arena: bool = True

    def of(self, settings: Settings) -> Settings:
        """`settings` with this choice made."""
        update = {"engine": self.engine, "threads": self.threads, "arena": self.arena}
        return settings.model_copy(update=update | {"batch": self.batch})

    def environment(self) -> dict[str, str]:
        """The choice as the service reads it."""
        return {
            "FACE_ENGINE": self.engine,
            "FACE_THREADS": str(self.threads),
            "FACE_BATCH": str(self.batch),
            "FACE_ARENA": str(self.arena).lower(),
        }


@dataclass(frozen=True, slots=True)
class Measurement:
    """Faces a second under a choice, and the milliseconds one batch took."""

    choice: Choice
    rate: float
    milliseconds: float


def candidates(settings: Settings, cores: int | None = None) -> list[list[Choice]]:
    """What is worth trying, in groups that share one open network.

    Threads are powers of two up to the cores this process may use, and that number itself.
    """
    most = cores or len(os.sched_getaffinity(0))
    if settings.provider != "cpu":
        return [[Choice("onnxruntime", settings.compute_threads, size) for size in BUCKETS]]
    threads = sorted({2**power for power in range(most.bit_length()) if 2**power <= most} | {most})
    engines: tuple[Engine, ...] = ("onnxruntime", "winograd")
    return [
        [Choice(engine, count, batch) for batch in BATCHES]
        for engine in engines
        for count in threads
    ]


def steps(groups: Sequence[Sequence[Choice]]) -> int:
    """How often `tune` reports progress."""
    return sum(map(len, groups)) * PASSES + PASSES


def tune(
    bundle: Bundle, settings: Settings, progress: Progress, *, seconds: float = 1.0
) -> list[Measurement]:
    """Measures every candidate, `seconds` at a time.

    An engine that is not installed or does not agree with ONNX Runtime is left out. Raises as
    `open_recognizer` does.
    """
    measured: list[Measurement] = []
    for group in candidates(settings):
        measured += _measured(bundle, settings, group, progress, seconds)
    chosen = best(measured).choice
    if settings.provider == "cpu" and chosen.engine == "onnxruntime":
        lean = Choice(chosen.engine, chosen.threads, chosen.batch, arena=False)
        measured += _measured(bundle, settings, [lean], progress, seconds)
    else:
        progress(PASSES)
    return measured


def best(measured: Sequence[Measurement]) -> Measurement:
    """The fastest; of those that are equally fast the smallest batch, which waits for nobody.

    Then ONNX Runtime, then more threads: they serve decoding and detection too.
    """
    most = max(each.rate for each in measured)
    equal = [each for each in measured if each.rate >= EQUAL * most]
    return min(
        equal,
        key=lambda each: (
            each.choice.batch,
            each.choice.engine != "onnxruntime",
            -each.choice.threads,
            each.choice.arena,
        ),
    )


def _measured(
    bundle: Bundle,
    settings: Settings,
    group: Sequence[Choice],
    progress: Progress,
    seconds: float,
) -> list[Measurement]:
    recognizer = open_recognizer(bundle, group[0].of(settings))
    if recognizer.engine != group[0].engine:
        progress(PASSES * len(group))
        return []
    callers = group[0].threads if settings.provider == "cpu" else 1
    rates: dict[Choice, list[float]] = {choice: [] for choice in group}
    for _ in range(PASSES):
        for choice in group:
            rates[choice].append(_rate(recognizer, choice.batch, callers, seconds))
            progress(1)
    return [
        Measurement(choice, max(found), 1000 * callers * choice.batch / max(found))
        for choice, found in rates.items()
    ]


def _rate(recognizer: Recognizer, batch: int, callers: int, seconds: float) -> float:
    """Faces a second with as many callers as the service has threads that embed."""
    crops = np.stack([picture(seed) for seed in range(batch)])
    recognizer(crops)  # a new shape is planned once, and not in the time that counts
    started = perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        calls = sum(pool.map(lambda _: sum(_calls(recognizer, crops, seconds)), range(callers)))
    return calls * batch / (perf_counter() - started)


def _calls(recognizer: Recognizer, crops: NDArray[np.uint8], seconds: float) -> Iterator[int]:
    until = perf_counter() + seconds
    while True:
        recognizer(crops)
        yield 1
        if perf_counter() >= until:
            return
