"""A large gallery starts from its snapshot in seconds; without one, the others do not wait for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import bundle as bundles
from service.gallery import NewFace, NewPerson
from service.gallery.local import LocalGallery
from service.gallery.records import Records
from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.oracle import CLOSE, Findings
from tests.service.serving import Server

Vectors = NDArray[np.float32]
KINDS: Final = ("late", "wrong", "unrefused", "undocumented")
_LATEST: Final = 10.0  # seconds until the first answer
_PATIENCE: Final = 1800.0
_BLOCK: Final = 10_000  # people drawn, committed and compared at a time
_PROBES: Final = 40
_SMALL: Final = "small"  # the collection beside `default`
_NORM: Final = 20.0


class Found(NamedTuple):
    person: str
    similarity: float


def run(scratch: Path, seed: int, people: int) -> Verdict:
    """`people` of one face, 512 values each: started from the database, the snapshot, and neither."""
    bundle, findings = crops.bundle_in(scratch, wide=True), Findings()
    directory = scratch / "data"
    expected = _filled(directory, bundles.load(bundle).manifest.id, people, seed)
    figures: dict[str, object] = {"people": people}
    with _served(directory, bundle) as (first, small):
        figures["first_s"], figures["read_s"] = small, _read(first, expected, findings)
        assert first.stop() == 0
    [snapshot] = directory.glob("index-*.snapshot")
    figures["snapshot_mb"] = snapshot.stat().st_size >> 20
    with _served(directory, bundle) as (second, small):
        figures["ready_s"] = round(small + _read(second, expected, findings), 2)
        if "is read from its snapshot" not in second.log.read_text():
            findings.add("late", "the snapshot was not used")
        second.process.kill()  # so that the file stays what it is
    _flip(snapshot, random.Random(seed))
    with _served(directory, bundle) as (third, others):
        figures["others_s"] = others
        figures["rebuilt_s"] = _read(third, expected, findings)
        if "is read from its snapshot" in third.log.read_text():
            findings.add("unrefused", "a snapshot with a flipped bit was used")
        third.process.kill()
    for name in ("ready_s", "others_s"):
        if float(str(figures[name])) > _LATEST:
            findings.add("late", f"{name} is {figures[name]}")
    return judged("start", findings, KINDS, **figures)


class Expected(NamedTuple):
    """Probes, and whom an exact search finds for each."""

    probes: Vectors
    best: list[Found]


def _drawn(block: int, count: int, seed: int) -> Vectors:
    """(n, 512) unit vectors of a block of people; (1000, 512) are drawn again in no other block."""
    drawn = np.random.default_rng([seed, block]).standard_normal((count, crops.WIDE), np.float32)
    unit: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def _filled(directory: Path, bundle: str, people: int, seed: int) -> Expected:
    """Enrolls them in transactions of a block, and one in a collection of its own."""
    gallery = LocalGallery.open(directory, bundle=bundle, dimension=crops.WIDE)
    gallery.create_collection(_SMALL, None, {})
    gallery.create_person(_SMALL, NewPerson("s"))
    gallery.enroll(_SMALL, "s", [_face(_drawn(people, 1, seed)[0], people)])
    starts = range(0, people, _BLOCK)
    dice = np.random.default_rng(seed)
    asked = _noisy(_drawn(0, min(people, _BLOCK), seed)[:_PROBES], dice)
    best = [Found("", -1.0)] * len(asked)
    for start in tracked(starts, "start", len(starts)):
        vectors = _drawn(start // _BLOCK, min(_BLOCK, people - start), seed)
        gallery._store.commit(_enrolling(start, vectors))
        cosines = asked @ vectors.T
        for n, at in enumerate(cosines.argmax(axis=1).tolist()):
            if cosines[n, at] > best[n].similarity:
                best[n] = Found(_id(start + at), float(cosines[n, at]))
    gallery.close()
    return Expected(asked, best)


def _noisy(vectors: Vectors, dice: np.random.Generator) -> Vectors:
    """Other pictures of them: cosines of 0.7."""
    noise = dice.standard_normal(vectors.shape, np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    near = vectors + noise
    unit: Vectors = near / np.linalg.norm(near, axis=1, keepdims=True)
    return unit


def _enrolling(first: int, vectors: Vectors) -> Callable[[Records], None]:
    """The people of a block in one transaction; the indexes of this process are not told."""

    def change(records: Records) -> None:
        into = records.collections.place("default")
        records.collections.belong(into)
        for number, vector in enumerate(vectors, first):
            id_ = records.persons.add(into, NewPerson(_id(number)))
            records.faces.add(records.persons.owner(into, id_), _face(vector, number))
        records.tables.effects.persons.clear()

    return change


def _face(vector: Vectors, number: int) -> NewFace:
    return NewFace(vector, _NORM, quality=None, detection_score=None, id=_id(number))


def _id(number: int) -> str:
    """In order, so that the trees of ids grow at their ends, three times as fast."""
    return f"p{number:08}"


@contextmanager
def _served(directory: Path, bundle: Path) -> Iterator[tuple[Server, float]]:
    """`adaface serve`, and how many seconds after its start the small collection was searched."""
    started = time.monotonic()
    server = Server(directory.with_suffix(".log"), data_dir=directory, bundle=bundle)
    try:
        answer = _asked(server, _SMALL, np.ones((1, crops.WIDE), np.float32) / np.sqrt(crops.WIDE))
        assert answer.status_code == 200, answer.text
        yield server, round(time.monotonic() - started, 2)
    finally:
        server.process.kill()
        server.process.wait()


def _asked(server: Server, collection: str, probes: Vectors) -> Any:
    query = {"collection": collection, "threshold": -1, "limit": 1}
    body = {"embeddings": probes.tolist()}
    return server.client.post("/identify", params=query, json=body)


def _best(server: Server, probes: Vectors) -> list[Found]:
    answer = _asked(server, "default", probes)
    assert answer.status_code == 200, answer.text
    candidates = [result["candidates"][0] for result in answer.json()["results"]]
    return [Found(each["person"]["id"], each["similarity"]) for each in candidates]


def _read(server: Server, expected: Expected, findings: Findings) -> float:
    """Seconds until `default` can be searched; then its answers are compared."""
    started = time.monotonic()
    while True:
        answer = _asked(server, "default", expected.probes[:1])
        if answer.status_code == 200:
            break
        kind = answer.json()["type"]
        if (answer.status_code, kind) != (503, "urn:problem:index-building"):
            findings.add("undocumented", answer.text)
        if time.monotonic() - started > _PATIENCE:
            findings.add("late", f"not read after {_PATIENCE} s")
            return _PATIENCE
        time.sleep(0.2)
    seconds = time.monotonic() - started
    _check(_best(server, expected.probes), expected, findings)
    return round(seconds, 1)


def _check(found: Sequence[Found], expected: Expected, findings: Findings) -> None:
    for one, other in zip(found, expected.best, strict=True):
        if one.person != other.person or abs(one.similarity - other.similarity) > CLOSE:
            findings.add("wrong", f"{one}, not {other}")


def _flip(path: Path, dice: random.Random) -> None:
    with path.open("r+b") as file:
        at = dice.randrange(path.stat().st_size)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << dice.randrange(8)]))
