"""One flipped bit: never a wrong score, and nobody but the person it hit is affected."""

from __future__ import annotations

import logging
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from service.errors import ServiceError, StartupError
from service.gallery import NewFace, NewPerson
from service.gallery.local import LocalGallery
from service.gallery.protocol import Face, Person
from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.oracle import CLOSE, Findings
from tests.faults.pages import values
from tests.faults.scratch import in_memory

_BUNDLE: Final = "blocks@1"
_PEOPLE: Final = 40
_LARGE: Final = 8  # persons; so the closed gallery has a snapshot of its index
_AIMED: Final = (
    0.6,
    0.2,
    0.2,
)  # of the flips hit a value of a row, a snapshot, any byte of any file
_AT_ONCE: Final = 64
CORRUPT: Final = "template-corrupt"
KINDS: Final = ("wrong_scores", "wrong_answers", "undetected", "spread", "refused", "undocumented")
Hit: TypeAlias = Literal["row", "snapshot", "elsewhere"]
Told: TypeAlias = tuple[Person, tuple[Face, ...]]


@dataclass(frozen=True, slots=True)
class Flip:
    """Bit `bit` of byte `offset` of `file`."""

    directory: Path
    file: str
    offset: int
    bit: int
    hits: Hit


def run(scratch: Path, seed: int, count: int) -> Verdict:
    """Flips `count` bits, one at a time, in a gallery that was closed and in one that was killed."""
    dice, findings = random.Random(seed), Findings()
    truth = _galleries(scratch, seed)
    flips = list(_drawn([scratch / "closed", scratch / "killed"], count, dice))
    made = tracked(flips, "flips", count)
    quiet = logging.disable  # each quarantine is logged, which is right and not shown here
    with ProcessPoolExecutor(mp_context=get_context("forkserver"), initializer=quiet) as pool:
        while batch := list(islice(made, _AT_ONCE)):
            for found in pool.map(examine, batch, [truth] * len(batch)):
                findings.include(found)
    elsewhere = {kind: n for kind, n in sorted(findings.counts.items()) if kind not in KINDS}
    hits = Counter(flip.hits for flip in flips)
    where = {"in_rows": hits["row"], "in_snapshots": hits["snapshot"]}
    return judged("flips", findings, KINDS, flips=count, **where, **elsewhere)


@dataclass(frozen=True, slots=True)
class Truth:
    """Who was enrolled, in what order, and the (n, n) cosines of their templates."""

    people: dict[str, Told]
    probes: NDArray[np.float32]
    cosines: NDArray[np.float32]


def _galleries(scratch: Path, seed: int) -> Truth:
    """The same people twice: in the database file, and half of them still in the log."""
    closed = scratch / "closed"
    gallery = _opened(closed)
    for n in range(_PEOPLE):
        new = NewPerson(f"p{n}", f"Name of {n}", f"external-{n}", {"told": f"metadata-{n}"})
        gallery.create_person("default", new)
        gallery.enroll("default", f"p{n}", [_new(seed * 1000 + n)])
        if n == _PEOPLE // 2:
            gallery._store.database.erase()
    shutil.copytree(closed, scratch / "killed")
    people = {f"p{n}": _asked(gallery, f"p{n}") for n in range(_PEOPLE)}
    gallery.close()
    probes = np.stack([crops.template([seed * 1000 + n]) for n in range(_PEOPLE)])
    return Truth(people, probes, probes @ probes.T)


def _opened(directory: Path) -> LocalGallery:
    """Raises StartupError."""
    dimension = crops.DIMENSION
    return LocalGallery.open(directory, bundle=_BUNDLE, dimension=dimension, large=_LARGE)


def _new(seed: int) -> NewFace:
    norm = float(np.linalg.norm(crops.feature(seed)))
    return NewFace(crops.template([seed]), norm, quality=50.0, detection_score=0.9)


def _asked(gallery: LocalGallery, person: str) -> Told:
    faces = gallery.faces("default", person, None, 10).items
    return gallery.person("default", person), tuple(faces)


def _drawn(directories: Sequence[Path], count: int, dice: random.Random) -> Iterator[Flip]:
    spans = {
        (directory, file): found
        for directory in directories
        for file, found in values(directory).items()
        if found
    }
    snapshots = [path for each in directories for path in each.glob("index-*.snapshot")]
    for hits in dice.choices(get_args(Hit), _AIMED, k=count):
        if hits == "row":
            directory, file = dice.choice(list(spans))
            # Weighted by length: a bit rots wherever it is.
            weights = [span.length for span in spans[directory, file]]
            [span] = dice.choices(spans[directory, file], weights)
            offset = span.start + dice.randrange(span.length)
        else:
            path = dice.choice(
                snapshots if hits == "snapshot" else _files(dice.choice(directories))
            )
            directory, file = path.parent, path.name
            offset = dice.randrange(path.stat().st_size)
        yield Flip(directory, file, offset, dice.randrange(8), hits)


def _files(directory: Path) -> list[Path]:
    """The files a flip may be in: not the root key, which is one value, nor shared memory."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    left_out = (".key", "-shm")
    return [path for path in files if path.stat().st_size and not path.name.endswith(left_out)]


def examine(flip: Flip, truth: Truth) -> Findings:
    """What the real code says about everybody after the flip."""
    findings = Findings()
    with in_memory() as place:
        directory = Path(shutil.copytree(flip.directory, place / "data"))
        _flip(directory / flip.file, flip)
        try:
            gallery = _opened(directory)
        except StartupError as error:
            _add(findings, flip, "refused", str(error))
            return findings
        except Exception as error:  # noqa: BLE001 - whatever is raised is the finding
            _add(findings, flip, "undocumented", repr(error))
            return findings
        with closing(gallery):
            if flip.hits == "snapshot" and gallery._store.indexes.from_snapshots:
                _add(findings, flip, "undetected", "the snapshot was used")
            while gallery._store.indexes.building:
                time.sleep(0.002)
            _examine_people(gallery, flip, truth, findings)
    findings.counts = Counter(set(findings.counts))  # a flip counts once, whomever it concerns
    findings.examples = {kind: cases[:1] for kind, cases in findings.examples.items()}
    return findings


def _flip(path: Path, flip: Flip) -> None:
    with path.open("r+b") as file:
        file.seek(flip.offset)
        byte = file.read(1)[0]
        file.seek(flip.offset)
        file.write(bytes([byte ^ 1 << flip.bit]))


def _examine_people(gallery: LocalGallery, flip: Flip, truth: Truth, findings: Findings) -> None:
    away: set[str] = set()  # quarantined
    for number, (person, told) in enumerate(truth.people.items()):
        try:
            found = _asked(gallery, person)
            cosines = _searched(gallery, truth.probes[number])
        except ServiceError as error:
            if error.slug() == CORRUPT:
                away.add(person)
            else:
                _add(findings, flip, "undetected", f"{person}: {error.slug()}")
            continue
        except Exception as error:  # noqa: BLE001 - it would be a 500
            _add(findings, flip, "undocumented", f"{person}: {error!r}")
            continue
        if found != told:
            _add(findings, flip, "wrong_answers", f"{found}, not {told}")
        if person not in cosines:
            _add(findings, flip, "undetected", f"{person} is not found")
        _check_scores(cosines, number, flip, truth, findings)
    for person in sorted(away):
        if any(person in _searched(gallery, probe) for probe in truth.probes):
            _add(findings, flip, "undetected", f"{person} is found, and answered with 409")
    if len(away) > 1:
        _add(findings, flip, "spread", f"{len(away)} people are quarantined")


def _searched(gallery: LocalGallery, probe: NDArray[np.float32]) -> dict[str, float]:
    [found] = gallery.search("default", probe[np.newaxis], 100)
    return {each.person.id: each.similarity for each in found}


def _check_scores(
    cosines: dict[str, float], number: int, flip: Flip, truth: Truth, findings: Findings
) -> None:
    expected = dict(zip(truth.people, truth.cosines[number].tolist(), strict=True))
    wrong = [
        person
        for person, cosine in cosines.items()
        if abs(expected.get(person, 9.0) - cosine) > CLOSE
    ]
    if wrong:
        findings.add("wrong_scores", f"{flip.file}@{flip.offset}.{flip.bit}: {wrong}")


def _add(findings: Findings, flip: Flip, kind: str, case: str) -> None:
    """Elsewhere only a wrong score is a miss; the rest is counted under another name."""
    where = f"{flip.directory.name}/{flip.file}@{flip.offset}.{flip.bit}"
    findings.add(f"elsewhere_{kind}" if flip.hits == "elsewhere" else kind, f"{where}: {case}")
