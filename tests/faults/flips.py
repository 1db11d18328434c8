"""One flipped bit: never a wrong score, and nobody but the person it hit is affected."""

from __future__ import annotations

import logging
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeAlias

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
_AIMED: Final = 0.7  # of the flips hit a value of a row, the others any byte of any file
_AT_ONCE: Final = 64
CORRUPT: Final = "template-corrupt"
KINDS: Final = ("wrong_scores", "wrong_answers", "undetected", "spread", "refused", "undocumented")
Told: TypeAlias = tuple[Person, tuple[Face, ...]]


@dataclass(frozen=True, slots=True)
class Flip:
    """Bit `bit` of byte `offset` of `file`; `row` where it is in a value of a table's row."""

    directory: Path
    file: str
    offset: int
    bit: int
    row: bool


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
    rows = sum(flip.row for flip in flips)
    return judged("flips", findings, KINDS, flips=count, in_rows=rows, **elsewhere)


@dataclass(frozen=True, slots=True)
class Truth:
    """Who was enrolled, in what order, and the (n, n) cosines of their templates."""

    people: dict[str, Told]
    probes: NDArray[np.float32]
    cosines: NDArray[np.float32]


def _galleries(scratch: Path, seed: int) -> Truth:
    """The same people twice: in the database file, and half of them still in the log."""
    closed = scratch / "closed"
    gallery = LocalGallery.open(closed, bundle=_BUNDLE, dimension=crops.DIMENSION)
    for n in range(_PEOPLE):
        new = NewPerson(f"p{n}", f"Name of {n}", f"external-{n}", {"told": f"metadata-{n}"})
        gallery.create_person("default", new)
        gallery.enroll("default", f"p{n}", [_new(seed * 1000 + n)])
        if n == _PEOPLE // 2:
            gallery._database.erase()
    shutil.copytree(closed, scratch / "killed")
    people = {f"p{n}": _asked(gallery, f"p{n}") for n in range(_PEOPLE)}
    gallery.close()
    probes = np.stack([crops.template([seed * 1000 + n]) for n in range(_PEOPLE)])
    return Truth(people, probes, probes @ probes.T)


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
    for _ in range(count):
        aimed = dice.random() < _AIMED
        if aimed:
            directory, file = dice.choice(list(spans))
            # Weighted by length: a bit rots wherever it is.
            weights = [span.length for span in spans[directory, file]]
            [span] = dice.choices(spans[directory, file], weights)
            offset = span.start + dice.randrange(span.length)
        else:
            directory = dice.choice(directories)
            path = dice.choice(_files(directory))
            file, offset = str(path.relative_to(directory)), dice.randrange(path.stat().st_size)
        yield Flip(directory, file, offset, dice.randrange(8), aimed)


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
            gallery = LocalGallery.open(directory, bundle=_BUNDLE, dimension=crops.DIMENSION)
        except StartupError as error:
            _add(findings, flip, "refused", str(error))
            return findings
        except Exception as error:  # noqa: BLE001 - whatever is raised is the finding
            _add(findings, flip, "undocumented", repr(error))
            return findings
        with closing(gallery):
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
    quarantined = 0
    for number, (person, told) in enumerate(truth.people.items()):
        try:
            found = _asked(gallery, person)
            cosines = _searched(gallery, truth.probes[number])
        except ServiceError as error:
            quarantined += error.slug() == CORRUPT
            if error.slug() != CORRUPT:
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
    if quarantined > 1:
        _add(findings, flip, "spread", f"{quarantined} people are quarantined")


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
    """Outside of rows only a wrong score is a miss; the rest is counted under another name."""
    where = f"{flip.directory.name}/{flip.file}@{flip.offset}.{flip.bit}"
    findings.add(kind if flip.row else f"elsewhere_{kind}", f"{where}: {case}")
