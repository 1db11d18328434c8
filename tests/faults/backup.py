"""Backups made under four writers: each of one moment, refused if changed, and nobody erased is back."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Final, TypeAlias
from urllib.request import urlopen

from models import bundle as bundles
from service.errors import BackupRefused
from service.gallery import killpoints
from service.gallery.keys import FILE, KeySource
from service.gallery.protocol import NewPerson
from service.gallery.restoring import Archive, restore
from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.client import Client
from tests.faults.oracle import Findings, Oracle, State, compare
from tests.faults.served import Served, served
from tests.faults.store import opened
from tests.faults.writing import Writer

WRITERS: Final = 4
ERASED: Final = 50
_STILL: Final = 200  # people who make the gallery large enough for a copy of many steps
_WORDS: Final = 50_000  # characters each has in its metadata
_STEPS: Final = 20  # of which a copy has about ten
_PATIENCE: Final = 10.0  # seconds
_TAMPERED: Final = 5  # bytes changed per backup, one at a time
States: TypeAlias = dict[str, State]


@dataclass(frozen=True)
class Taken:
    """A backup, and how many steps each writer had been answered before, and had asked after it."""

    file: Path
    answered: Sequence[int]
    asked: Sequence[int]


class Backups:
    """A gallery under writers, and what is made of its backups."""

    def __init__(self, scratch: Path, seed: int) -> None:
        self.scratch, self.dice = scratch, random.Random(seed)
        self.bundle = crops.bundle_in(scratch)
        self.name = bundles.load(self.bundle).manifest.id
        self.directory = scratch / "data"
        self.findings = Findings()
        self.tampered = self.kills = self.writes = 0
        self.still = {f"still-{n}": frozenset() for n in range(_STILL)}
        with opened(self.directory, self.name) as store:
            for person in self.still:
                store.gallery.create_person(
                    "default", NewPerson(id=person, metadata={"words": "x" * _WORDS})
                )

    def under_writers(self, count: int) -> None:
        """Takes the backups while four write, then looks at each."""
        writers = [
            Writer(f"w{n}", Oracle(), random.Random(self.dice.random())) for n in range(WRITERS)
        ]
        with served(self.directory, self.bundle) as running, _writing(writers, running):
            taken = [
                self._taken(running, writers, n) for n in tracked(range(count), "backup", count)
            ]
        self.writes = sum(writer.acknowledged for writer in writers)
        for writer in writers:
            for answer in writer.refused:
                self.findings.add("refused", str(answer))
        for each in tracked(taken, "restore", count):
            self._check(each, writers)
            self._tamper(each.file)
            each.file.unlink()

    def killed(self, count: int) -> None:
        """The server is killed while it copies, and what it had is there."""
        for n in range(count):
            point = f"{killpoints.DURING_BACKUP}:{self.dice.randint(1, _STEPS)}"
            running = Served(self.directory, self.bundle, point)
            with suppress(OSError, HTTPException):
                for _ in range(5):
                    _download(running.address, self.scratch / f"killed-{n}")
            running.process.join(_PATIENCE)
            if running.process.is_alive():
                self.findings.add("unreached", point)
            running.kill()
            self.kills += 1
            with opened(self.directory, self.name) as store:
                if missing := self.still.keys() - store.persons().keys():
                    self.findings.add("lost", f"{len(missing)} people after a kill")
            if left := list(self.directory.glob("unfinished-*")):
                self.findings.add("left", f"a kill left {left}")

    def erased(self) -> int:
        """How many of 50 deleted people come back with a backup from before."""
        file = self.scratch / "before"
        leaving = self.dice.sample(sorted(self.still), ERASED)
        with served(self.directory, self.bundle) as running:
            _download(running.address, file)
            client = Client(running.address)
            for person in leaving:
                assert client.delete(person).status == 204
            client.close()
        lost = self._elsewhere("lost")
        shutil.copy(self.directory / "erasures.log", lost)
        back = 0
        for directory in (self.directory, lost):
            self._restore(file, directory)
            with opened(directory, self.name) as store:
                there = store.persons().keys()
            back += len(there & set(leaving))
            if self.still.keys() - set(leaving) - there:
                self.findings.add("lost", "people are missing who were not erased")
        if back:
            self.findings.add("back", f"{back} people are back")
        return back

    def _taken(self, running: Served, writers: Sequence[Writer], n: int) -> Taken:
        answered = [writer.acknowledged for writer in writers]
        file = self.scratch / f"{n}.backup"
        _download(running.address, file)
        return Taken(file, answered, [len(writer.log) for writer in writers])

    def _check(self, taken: Taken, writers: Sequence[Writer]) -> None:
        """Each writer's people are as after one and the same of its steps."""
        directory = self._elsewhere(taken.file.stem)
        self._restore(taken.file, directory)
        with opened(directory, self.name) as store:
            there = {person: frozenset(store.faces(person)) for person in store.persons()}
            states: States = {person: frozenset() for person in self.still}
            for n, writer in enumerate(writers):
                fitting = _fitting(writer, taken.answered[n], taken.asked[n], there)
                if fitting is None:
                    self.findings.add("inconsistent", f"{writer.name} in {taken.file.name}")
                    return
                states |= fitting
            compare(store, {person: [state] for person, state in states.items()}, self.findings)
        shutil.rmtree(directory)

    def _tamper(self, file: Path) -> None:
        content = bytearray(file.read_bytes())
        directory = self._elsewhere("tampered")
        for _ in range(_TAMPERED):
            places = [self.dice.randrange(500), self.dice.randrange(len(content)), -1]
            place, bit = self.dice.choice(places), 1 << self.dice.randrange(8)
            content[place] ^= bit
            file.write_bytes(content)
            content[place] ^= bit
            try:
                self._restore(file, directory)
            except BackupRefused:
                self.tampered += 1
            else:
                self.findings.add("accepted", f"a change at {place}")
        shutil.rmtree(directory)

    def _elsewhere(self, name: str) -> Path:
        """A directory with nothing but the root key."""
        directory = self.scratch / f"data-{name}"
        directory.mkdir()
        shutil.copy(self.directory / FILE, directory)
        return directory

    def _restore(self, file: Path, directory: Path) -> None:
        keys = KeySource(directory / FILE)
        done = restore(Archive.opened(file, keys), directory, keys, datetime.now(UTC))
        for each in done.found:
            self.findings.add("inconsistent", str(each))


def _fitting(
    writer: Writer, answered: int, asked: int, there: dict[str, frozenset[str]]
) -> States | None:
    """The states of the writer's people after one of the steps between the two, if that is it."""
    states: States = {f"{writer.name}-{k}": None for k in range(writer.people)}
    for n in range(asked + 1):
        if n:
            _, person, after = writer.log[n - 1]
            states[person] = after
        if n >= answered and all(_fits(state, there.get(who)) for who, state in states.items()):
            return states
    return None


def _fits(state: State, there: frozenset[str] | None) -> bool:
    if state is None or there is None:
        return state is None and there is None
    return {face.id for face in state} == there


@contextmanager
def _writing(writers: Sequence[Writer], running: Served) -> Iterator[None]:
    enough = threading.Event()
    with ThreadPoolExecutor(len(writers)) as pool:
        tasks = [pool.submit(each.run, running.address, enough.is_set) for each in writers]
        try:
            yield
        finally:
            enough.set()
        for task in tasks:
            task.result()


def _download(address: str, file: Path) -> None:
    with urlopen(f"http://{address}/backup") as answer, file.open("wb") as out:
        shutil.copyfileobj(answer, out)
        if out.tell() != int(answer.headers["Content-Length"]):
            raise ConnectionError("the backup was cut")


def run(scratch: Path, seed: int, count: int) -> Verdict:
    backups = Backups(scratch, seed)
    backups.under_writers(count)
    backups.killed(max(1, count // 4))
    back = backups.erased()
    return judged(
        "backup",
        backups.findings,
        ("inconsistent", "lost", "back", "disagree", "accepted", "left", "refused", "unreached"),
        backups=count,
        writes=backups.writes,
        tampered=backups.tampered,
        kills=backups.kills,
        returned=f"{back}/{2 * ERASED}",
    )
