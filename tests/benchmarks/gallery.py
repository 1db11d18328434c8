"""The index at a million templates, held to its bars: `make bench-gallery`.

One line of figures; the exit status is 1 if a bar is missed. `--size 100000` is the quick one.
The exact search that answers are compared with is NumPy's, and knows nothing of the index.
"""

from __future__ import annotations

import argparse
import gc
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))

from service.gallery.index import Index, SnapshotRefused

Vectors = NDArray[np.float32]
AT_ONCE = 20_000
FPIR = 0.01  # of the threshold that non-mated probes are held against
ENROLLED = 400  # tried each second beside the searches


class Population:
    """Unit vectors like those of faces.

    A person's direction is drawn from a power-law spectrum, which gives impostors cosines spread
    like those of trained networks (0.062 at 512 values, where isotropic ones have 0.044), and
    leans to one of 64 groups. A sample has a cosine of 0.65 to 0.9 to it; a template is the mean
    of one to five samples, so mated probes have 0.5 to 0.8, mostly, and 0.4 at the least.
    """

    def __init__(self, dimension: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        spectrum = np.arange(1, dimension + 1, dtype=np.float32) ** -0.27
        turned = np.linalg.qr(self._random.normal(size=(dimension, dimension)))[0]
        self._shape = (turned * spectrum[:, np.newaxis]).astype(np.float32)
        self._groups = self._directions(64)

    def persons(self, count: int) -> Vectors:
        groups = self._groups[self._random.integers(64, size=count)]
        return unit(np.sqrt(0.91) * self._directions(count) + 0.3 * groups)

    def samples(self, persons: Vectors) -> Vectors:
        return self._near(persons, self._random.uniform(0.65, 0.9, len(persons)))

    def templates(self, persons: Vectors) -> Vectors:
        cosines = self._random.uniform(0.65, 0.9, len(persons))
        spread = (1 - cosines**2) / self._random.integers(1, 6, len(persons))
        return self._near(persons, cosines / np.sqrt(cosines**2 + spread))

    def _near(self, persons: Vectors, cosines: NDArray[np.float64]) -> Vectors:
        away = self._directions(len(persons))
        away -= np.sum(away * persons, axis=1, keepdims=True) * persons
        along = cosines.astype(np.float32)[:, np.newaxis]
        near: Vectors = along * persons + np.sqrt(1 - along**2) * unit(away)
        return near

    def _directions(self, count: int) -> Vectors:
        drawn = self._random.standard_normal((count, len(self._shape)), np.float32)
        return unit(drawn @ self._shape)


def unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(frozen=True)
class Faces:
    templates: Vectors
    mated: Vectors
    non_mated: Vectors

    @classmethod
    def drawn(cls, size: int, dimension: int, probes: int) -> Faces:
        population = Population(dimension, seed=4)
        templates = np.empty((size, dimension), np.float32)
        mated = []
        for start in range(0, size, AT_ONCE):
            persons = population.persons(min(AT_ONCE, size - start))
            templates[start : start + len(persons)] = population.templates(persons)
            mated.append(population.samples(persons[:: max(1, size // probes)]))
        non_mated = population.samples(population.persons(probes))
        return cls(templates, np.vstack(mated)[:probes], non_mated)


@dataclass
class Report:
    """The figures on one line, and the bars that were missed."""

    figures: list[str]
    missed: list[str]

    def say(self, figure: str, *, holds: bool = True) -> None:
        print(f"  {figure}" + ("" if holds else "  MISSED"), file=sys.stderr, flush=True)
        self.figures.append(figure)
        if not holds:
            self.missed.append(figure)


def best(templates: Vectors, probes: Vectors) -> tuple[NDArray[np.int64], Vectors]:
    """The exact search: the row with the highest float32 cosine, and the cosine."""
    rows, cosines = np.zeros(len(probes), np.int64), np.full(len(probes), -2, np.float32)
    for start in range(0, len(templates), AT_ONCE):
        scores = probes @ templates[start : start + AT_ONCE].T
        at = scores.argmax(axis=1)
        higher = scores[np.arange(len(probes)), at]
        rows = np.where(higher > cosines, start + at, rows)
        cosines = np.maximum(higher, cosines)
    return rows, cosines


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def milliseconds(index: Index, probes: Vectors) -> NDArray[np.float64]:
    each = [timed(lambda probe=probe: index.search(probe[np.newaxis], 5)) for probe in probes]
    return 1000 * np.array(each)


def resident() -> int:
    """Bytes of memory that are the process's own."""
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def built(faces: Faces, report: Report) -> Index:
    index = Index(faces.templates.shape[1])
    before, seconds = resident(), 0.0
    for start in range(0, len(faces.templates), AT_ONCE):
        part = faces.templates[start : start + AT_ONCE]
        rows = np.arange(start, start + len(part))
        seconds += timed(lambda rows=rows, part=part: index.add(rows, part))
    megabytes = (resident() - before) / 1e6
    raw = faces.templates.nbytes / 1e6
    report.say(f"build {seconds:.1f} s")
    report.say(f"memory {megabytes:.0f} MB ({raw:.0f} of them templates)")
    return index


def accuracy(index: Index, faces: Faces, report: Report) -> None:
    expected, _ = best(faces.templates, faces.mated)
    found = [index.search(probe[np.newaxis], 5)[0][0, 0] for probe in faces.mated]
    same = float(np.mean(np.array(found) == expected))
    report.say(f"best person {100 * same:.2f} % of {len(expected)} mated", holds=same >= 0.999)
    _, exact = best(faces.templates, faces.non_mated)
    given = np.array([index.search(probe[np.newaxis], 5)[1][0, 0] for probe in faces.non_mated])
    between = np.sort(exact)[-int(FPIR * len(exact)) - 1 :][:2]
    threshold = float(between.mean())
    wrong = int(np.sum((given > threshold) & (exact <= threshold)))
    report.say(f"non-mated over the threshold that exact refuses {wrong}", holds=wrong == 0)
    beyond = float(np.max(given - exact))
    report.say(f"highest excess over exact {beyond:.0e}", holds=beyond < 1e-6)


def latency(index: Index, faces: Faces, limit: float, report: Report) -> None:
    milliseconds(index, faces.mated[:50])  # warm
    before = time.thread_time()
    each = milliseconds(index, faces.mated[:500])
    worked = 1000 * (time.thread_time() - before) / len(each)
    ours = float(np.median(each))
    said = f"identify median {ours:.2f} ms, {worked:.2f} ms of CPU"  # apart on a busy machine
    report.say(said, holds=ours <= limit)
    persons = np.arange(len(faces.templates))

    def rival(probe: NDArray[np.float32]) -> object:
        scores = faces.templates @ probe
        starts = np.flatnonzero(np.diff(persons, prepend=-1))
        return np.argsort(-np.maximum.reduceat(scores, starts))

    theirs = 1000 * float(
        np.median([timed(lambda probe=probe: rival(probe)) for probe in faces.mated[:11]])
    )
    ratio = theirs / ours
    report.say(f"score, group and sort all {theirs:.0f} ms = {ratio:.0f} x", holds=ratio >= 20)
    together = timed(lambda: index.search(faces.mated[:64], 5)) * 1000 / 64
    report.say(f"64 probes together {together:.2f} ms each")


def enrollment(index: Index, faces: Faces, report: Report) -> None:
    """Searches without and beside a thread that enrolls, updates and deletes."""
    probes = faces.mated[:1000]
    idle = np.percentile(milliseconds(index, probes), 99)
    ended, written = Event(), []
    enrolling = Thread(target=_enroll, args=(index, faces, ended, written))
    started = time.perf_counter()
    enrolling.start()
    busy = np.percentile(milliseconds(index, probes), 99)
    ended.set()
    enrolling.join()
    rate = len(written) / (time.perf_counter() - started)
    report.say(f"enrolled {rate:.0f}/s beside searches", holds=rate >= 300)
    ratio = busy / idle
    report.say(f"search p99 {idle:.1f} -> {busy:.1f} ms = {ratio:.1f} x", holds=ratio <= 3)
    for row in written:
        index.remove(row)


def _enroll(index: Index, faces: Faces, ended: Event, written: list[int]) -> None:
    """One write each 1/ENROLLED seconds, as a store that commits would give them."""
    started = time.perf_counter()
    while not ended.is_set():
        row = len(faces.templates) + len(written)
        index.put(row, faces.non_mated[len(written) % len(faces.non_mated)])
        written.append(row)
        ended.wait(max(0.0, started + len(written) / ENROLLED - time.perf_counter()))


def snapshots(index: Index, faces: Faces, report: Report, directory: Path) -> None:
    key, path = secrets.token_bytes(32), directory / "index"
    report.say(f"snapshot saved in {timed(lambda: index.save(path, 7, key)):.1f} s")
    loaded: list[tuple[Index, int]] = []
    dimension = faces.templates.shape[1]
    before = time.process_time()
    spent = timed(lambda: loaded.append(Index.load(path, key, dimension)))
    worked = time.process_time() - before
    report.say(f"loaded in {spent:.1f} s, {worked:.1f} s of CPU", holds=spent <= 10)
    [(again, revision)] = loaded
    probes = faces.mated[:64]
    answers = zip(index.search(probes, 5), again.search(probes, 5), strict=True)
    same = revision == 7 and all(np.array_equal(ours, theirs) for ours, theirs in answers)
    report.say("answers as before" if same else "answers differ", holds=same)
    refused = sum(_refused(path, key, dimension, at) for at in damages(path.stat().st_size))
    report.say(f"{refused} of 5 corrupt snapshots refused", holds=refused == 5)


def damages(size: int) -> Iterator[int]:
    """Where a bit is flipped: header, projection, first and last part, middle."""
    yield from (20, 1000, 3_000_000, size // 2, size - 1)


def _refused(path: Path, key: bytes, dimension: int, at: int) -> bool:
    _flip(path, at)
    try:
        Index.load(path, key, dimension)
    except SnapshotRefused:
        return True
    finally:
        _flip(path, at)
    return False


def _flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        [byte] = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--size", type=int, default=1_000_000)
    asked.add_argument("--dimension", type=int, default=512)
    asked.add_argument("--probes", type=int, default=5000)
    asked.add_argument("--limit-ms", type=float, help="10; 3 up to 100,000 templates")
    options = asked.parse_args()
    limit = options.limit_ms or (3 if options.size <= 100_000 else 10)
    report = Report([f"gallery {options.size} x {options.dimension}"], [])
    faces = Faces.drawn(options.size, options.dimension, options.probes)
    index = built(faces, report)
    latency(index, faces, limit, report)
    accuracy(index, faces, report)
    enrollment(index, faces, report)
    gc.collect()
    with tempfile.TemporaryDirectory() as scratch:
        snapshots(index, faces, report, Path(scratch))
    print("; ".join(report.figures))
    print(f"missed: {'; '.join(report.missed)}" if report.missed else "every bar holds")
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
