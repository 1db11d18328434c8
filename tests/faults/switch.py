"""Another model for everybody, while they are searched for and enrolled, and the process killed.

Each answer names the model it was made with, and has to be exactly what that one makes of it.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any, Final

import numpy as np

from models import bundle as bundles
from service import crops as encoding
from service.gallery.checking import check
from service.gallery.local import LocalGallery
from service.gallery.protocol import NewFace, NewPerson
from service.gallery.sqlite import Database
from service.images import Limits, decode
from tests.faults import crops, turned
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.client import Answer, Client, Gone
from tests.faults.oracle import CLOSE, Findings
from tests.faults.served import Served

_RENEWAL: Final = "/collections/default/renewal"
_SEARCHERS, _ENROLLERS = 3, 1
_UNDER_LOAD: Final = 1.0  # seconds between two turns
_PATIENCE: Final = 600.0
_FACES: Final = 2  # of each person
_MAKERS: Final = {"blocks": crops, "turned": turned}


class Load:
    """Clients that search and enroll without a pause, and know what every answer has to be."""

    def __init__(self, persons: Mapping[str, list[int]], seed: int) -> None:
        self.findings, self.counts = Findings(), Counter[str]()
        self.persons = dict(persons)
        self.allowed: frozenset[str] = frozenset()  # names of models that may answer
        self.enrolled: dict[str, list[int]] = {}
        self.slowest = 0.0
        self._random, self._address = random.Random(seed), ""
        self._generation, self._up, self._over = 0, Event(), Event()

    def up(self, address: str) -> None:
        self._address = address
        self._generation += 1
        self._up.set()

    def down(self) -> None:
        """From now on, until it is up again, connections may break."""
        self._up.clear()

    def stop(self) -> None:
        self._over.set()
        self._up.set()

    def search(self, number: int) -> None:
        dice = random.Random(self._random.random() + number)
        self._repeat(lambda client: self._search(client, dice))

    def enroll(self, number: int) -> None:
        dice = random.Random(self._random.random() - number)
        self._repeat(lambda client: self._enroll(client, f"new-{number}-{dice.getrandbits(60)}"))

    def _repeat(self, once: Callable[[Client], None]) -> None:
        while not self._over.is_set():
            self._up.wait()
            generation, client = self._generation, Client(self._address)
            try:
                while not self._over.is_set():
                    once(client)
            except Gone as gone:
                if self._up.is_set() and generation == self._generation:
                    self.findings.add("failed", f"the connection broke: {gone}")
            finally:
                client.close()

    def _search(self, client: Client, dice: random.Random) -> None:
        person = dice.choice(list(self.persons))
        self._find(client, person, dice.choice(self.persons[person]), self.persons[person])

    def _find(self, client: Client, person: str, seed: int, seeds: list[int]) -> None:
        """The person is the best one for a photograph, at the cosine of the model that is named."""
        before, started = self.allowed, time.monotonic()
        path = "/identify?aligned=true&threshold=-1&limit=2"
        answer = client.call("POST", path, crops.png(seed))
        self.slowest = max(self.slowest, time.monotonic() - started)
        if not self._answered(answer):
            return
        name = answer.document["bundle"].partition("-")[0]
        self.counts[name] += 1
        if name not in before | self.allowed:
            self.findings.add("stale", f"{name} answers where {sorted(self.allowed)} should")
        candidates = answer.document["results"][0]["candidates"]
        expected = float(_MAKERS[name].template([seed]) @ _MAKERS[name].template(seeds))
        best = candidates[0] if candidates else {"person": {"id": None}, "similarity": 0}
        if best["person"]["id"] != person or abs(best["similarity"] - expected) > CLOSE:
            self.findings.add("wrong", f"{person} at {expected:.5f} by {name}: {candidates}")

    def _enroll(self, client: Client, person: str) -> None:
        """Who was just enrolled is found at once, by whichever model."""
        seed = int(person.rpartition("-")[2]) % 2**31
        if self._answered(client.create(person)) and self._answered(client.enroll(person, seed)):
            self.enrolled[person] = [seed]
            self._find(client, person, seed, [seed])

    def _answered(self, answer: Answer) -> bool:
        self.counts["requests"] += 1
        if not answer.acknowledged or answer.document is None:
            if answer.acknowledged and not self._up.is_set():
                raise Gone("killed while it answered")
            self.findings.add("failed", str(answer))
            return False
        return True


class Changes:
    """The operator: begins, switches, rolls back, ends, and kills the process in between."""

    def __init__(self, scratch: Path, load: Load, straight: Path, other: Path) -> None:
        self.load, self._bundles = load, (straight, other)
        self.directory = scratch / "data"
        self.to = bundles.load(other).manifest.id
        self.agreement: dict[str, Any] = {}

    def start(self) -> None:
        straight, other = self._bundles
        self.running = Served(self.directory, straight, next_bundle=other)
        assert self.running.address, self.running.log.read_text()
        self.client = Client(self.running.address)
        self.load.up(self.running.address)

    def kill(self) -> None:
        self.load.down()
        self.running.kill()
        self.client.close()
        self.start()

    def stop(self) -> None:
        self.load.stop()
        self.client.close()
        self.running.stop()

    def ask(self, method: str, path: str = "", body: object = None) -> Any:
        answer = self.client.call(method, _RENEWAL + path, body)
        if not answer.acknowledged:
            self.load.findings.add("failed", f"{method} {path}: {answer}")
        return answer.document

    def turn(self, path: str, name: str) -> None:
        """Switches or rolls back; from the answer on only the model `name` may answer."""
        self.load.allowed |= {name}
        self.ask("POST", path)
        self.load.allowed = frozenset({name})
        time.sleep(_UNDER_LOAD)

    def wait(self, done: Callable[[Any], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not done(state := self.ask("GET")):
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        self.agreement = state.get("agreement") or self.agreement

    def wait_for_the_end(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self.client.call("GET", _RENEWAL).status != 404:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def all(self) -> None:
        self.load.allowed = frozenset({"blocks"})
        self.ask("POST", body={"bundle": self.to})
        self.wait(lambda state: state["done"] >= 0.3 * state["faces"] or state["state"] == "ready")
        self.kill()
        self.wait(lambda state: state["agreement"] is not None)
        self.turn("/switch", "turned")
        self.turn("/rollback", "blocks")
        self.load.allowed |= {"turned"}
        self.ask("POST", "/switch")
        self.load.allowed = frozenset({"turned"})
        self.kill()
        self.wait(lambda state: state["agreement"] is not None)
        self.turn("/rollback", "blocks")
        self.turn("/switch", "turned")
        self.ask("POST", "/finish")
        self.kill()
        self.wait_for_the_end()
        time.sleep(_UNDER_LOAD)


def run(scratch: Path, seed: int, faces: int) -> Verdict:
    """Changes the model of a gallery of `faces` faces, two of each person."""
    straight = crops.bundle_in(scratch)
    other = turned.bundle_in(scratch, straight)
    dice = random.Random(seed)
    persons = {
        f"p{n}": [dice.randrange(2**31) for _ in range(_FACES)] for n in range(faces // _FACES)
    }
    _enrolled(scratch / "data", bundles.load(straight).manifest.id, persons)
    load = Load(persons, seed)
    changes = Changes(scratch, load, straight, other)
    started = time.monotonic()
    changes.start()
    with ThreadPoolExecutor(_SEARCHERS + _ENROLLERS) as pool:
        tasks = [pool.submit(load.search, n) for n in range(_SEARCHERS)]
        tasks += [pool.submit(load.enroll, n) for n in range(_ENROLLERS)]
        try:
            changes.all()
        finally:
            load.stop()
        for task in tasks:
            task.result()
    _verify(changes, persons | load.enrolled)
    changes.stop()
    _check(scratch / "data", load.findings)
    return judged(
        "switch",
        load.findings,
        ("failed", "wrong", "stale", "lost", "faults"),
        faces=faces,
        requests=load.counts["requests"],
        by_the_old=load.counts["blocks"],
        by_the_new=load.counts["turned"],
        enrolled=len(load.enrolled),
        kills=3,
        slowest_s=round(load.slowest, 2),
        seconds=round(time.monotonic() - started),
    )


def _enrolled(directory: Path, bundle: str, persons: Mapping[str, list[int]]) -> None:
    gallery = LocalGallery.open(directory, bundle=bundle, dimension=crops.DIMENSION)
    gallery.change_collection("default", {"settings": {"keep_crops": True}})

    def enroll(person: str) -> None:
        gallery.create_person("default", NewPerson(id=person))
        gallery.enroll("default", person, [_face(seed) for seed in persons[person]])

    with ThreadPoolExecutor(8) as pool:  # they share the fsyncs
        for _ in tracked(pool.map(enroll, persons), "enrolling", len(persons)):
            continue
    gallery.close()


def _face(seed: int) -> NewFace:
    feature, picture = crops.feature(seed), decode(crops.png(seed), Limits(max_pixels=10**6))
    norm = float(np.linalg.norm(feature))
    return NewFace(feature / norm, norm, None, None, crop=encoding.encode(picture))


def _verify(changes: Changes, persons: Mapping[str, list[int]]) -> None:
    """Everybody who was acknowledged is found by the new model at once."""
    findings, load = Findings(), changes.load
    for person, seeds in persons.items():
        with suppress(Gone):
            load._find(changes.client, person, seeds[0], seeds)
    listed = changes.client.persons()
    for person, seeds in persons.items():
        if listed.get(person) != len(seeds):
            findings.add("lost", f"{person} has {listed.get(person)} faces of {len(seeds)}")
    load.findings.include(findings)


def _check(directory: Path, findings: Findings) -> None:
    database = Database(directory)
    for found in check(database):
        findings.add("faults", str(found))
    with database.reading() as connection:
        (left,) = connection.execute(
            "SELECT count(*) FROM faces WHERE sealed IS NOT NULL"
        ).fetchone()
    if left:
        findings.add("faults", f"{left} faces still have what the old model made of them")
    database.close()
