"""Any sequence of calls answers as a dictionary and a matrix product would."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from service.errors import (
    CollectionExists,
    CollectionNotFound,
    InvalidRequest,
    PersonExists,
    PersonNotFound,
)
from service.gallery.protocol import NewPerson

from .faces import direction, face, opened

collections = st.sampled_from(["default", "a", "b"])
persons = st.sampled_from(["p", "q", "r", "s"])
norms = st.sampled_from([5.0, 20.0, 40.0])
seeds = st.integers(0, 9)

Faces = dict[str, tuple[int, float]]  # id -> seed, norm


class Model(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.place = TemporaryDirectory()
        self.gallery = opened(Path(self.place.name))
        self.truth: dict[str, dict[str, Faces]] = {"default": {}}

    def teardown(self) -> None:
        self.gallery.close()
        self.place.cleanup()

    def knows(self, collection: str, person: str | None = None) -> type[Exception] | None:
        """The error that a call about them has to raise."""
        if collection not in self.truth:
            return CollectionNotFound
        if person is not None and person not in self.truth[collection]:
            return PersonNotFound
        return None

    @rule(collection=collections)
    def create_collection(self, collection: str) -> None:
        if collection in self.truth:
            with pytest.raises(CollectionExists):
                self.gallery.create_collection(collection, None, {})
            return
        self.gallery.create_collection(collection, None, {})
        self.truth[collection] = {}

    @rule(collection=collections)
    def delete_collection(self, collection: str) -> None:
        if error := self.knows(collection):
            with pytest.raises(error):
                self.gallery.delete_collection(collection)
            return
        self.gallery.delete_collection(collection)
        del self.truth[collection]
        self.truth.setdefault("default", {})

    @rule(collection=collections, person=persons)
    def create_person(self, collection: str, person: str) -> None:
        error = self.knows(collection)
        if error is None and person in self.truth[collection]:
            error = PersonExists
        if error:
            with pytest.raises(error):
                self.gallery.create_person(collection, NewPerson(id=person))
            return
        self.gallery.create_person(collection, NewPerson(id=person))
        self.truth[collection][person] = {}

    @rule(collection=collections, person=persons)
    def delete_person(self, collection: str, person: str) -> None:
        if error := self.knows(collection, person):
            with pytest.raises(error):
                self.gallery.delete_person(collection, person)
            return
        self.gallery.delete_person(collection, person)
        del self.truth[collection][person]

    @rule(
        collection=collections,
        person=persons,
        samples=st.lists(st.tuples(seeds, norms), max_size=3),
    )
    def enroll(self, collection: str, person: str, samples: list[tuple[int, float]]) -> None:
        faces = [face(direction(seed), norm) for seed, norm in samples]
        if error := self.knows(collection, person):
            with pytest.raises(error):
                self.gallery.enroll(collection, person, faces)
            return
        kept = self.gallery.enroll(collection, person, faces)
        self.truth[collection][person] |= dict(zip([f.id for f in kept], samples, strict=True))

    @rule(collection=collections, person=persons, which=st.integers(0, 5))
    def delete_face(self, collection: str, person: str, which: int) -> None:
        faces = self.truth.get(collection, {}).get(person)
        if faces:
            victim = list(faces)[which % len(faces)]
            self.gallery.delete_face(collection, person, victim)
            del faces[victim]

    @rule(collection=collections, person=persons, other=persons)
    def rename(self, collection: str, person: str, other: str) -> None:
        error = self.knows(collection, person)
        if error is None and other != person and other in self.truth[collection]:
            error = PersonExists
        if error:
            with pytest.raises(error):
                self.gallery.change_person(collection, person, {"id": other})
            return
        self.gallery.change_person(collection, person, {"id": other})
        self.truth[collection][other] = self.truth[collection].pop(person)

    @rule(collection=collections, source=persons, taker=persons)
    def merge(self, collection: str, source: str, taker: str) -> None:
        error = InvalidRequest if source == taker else self.knows(collection, taker)
        if error := self.knows(collection, source if source != taker else None) or error:
            with pytest.raises(error):
                self.gallery.merge_persons(collection, source, taker)
            return
        self.gallery.merge_persons(collection, source, taker)
        self.truth[collection][taker] |= self.truth[collection].pop(source)

    @rule(collection=collections, person=persons, taker=persons, which=st.integers(0, 5))
    def move_face(self, collection: str, person: str, taker: str, which: int) -> None:
        faces = self.truth.get(collection, {}).get(person)
        if not faces or taker == person:
            return
        moved = list(faces)[which % len(faces)]
        if error := self.knows(collection, taker):
            with pytest.raises(error):
                self.gallery.move_face(collection, person, moved, taker)
            return
        self.gallery.move_face(collection, person, moved, taker)
        self.truth[collection][taker][moved] = faces.pop(moved)

    @rule(collection=collections, seed=seeds, limit=st.integers(1, 6))
    def search(self, collection: str, seed: int, limit: int) -> None:
        probe = direction(seed)
        if error := self.knows(collection):
            with pytest.raises(error):
                self.gallery.search(collection, probe[None], limit)
            return
        [found] = self.gallery.search(collection, probe[None], limit)
        expected = self.cosines(collection, probe)
        best = sorted(expected.values(), reverse=True)[:limit]
        assert [c.similarity for c in found] == pytest.approx(best, abs=1e-5)
        assert len({c.person.id for c in found}) == len(found)
        for candidate in found:
            own = expected[candidate.person.id]
            assert candidate.similarity == pytest.approx(own, abs=1e-5)

    def cosines(self, collection: str, probe: np.ndarray) -> dict[str, float]:
        sums = {
            person: np.sum([norm * direction(seed) for seed, norm in faces.values()], axis=0)
            for person, faces in self.truth[collection].items()
            if faces
        }
        return {
            person: float(total @ probe / np.linalg.norm(total)) for person, total in sums.items()
        }

    @rule()
    def reopen(self) -> None:
        self.gallery.close()
        self.gallery = opened(Path(self.place.name))

    @invariant()
    def everything_is_listed(self) -> None:
        listed = {c.id: c for c in self.gallery.collections(None, 99).items}
        assert listed.keys() == self.truth.keys()
        for collection, persons in self.truth.items():
            page = self.gallery.persons(collection, None, 99)
            counts = {person.id: person.face_count for person in page.items}
            assert counts == {person: len(faces) for person, faces in persons.items()}
            assert listed[collection].person_count == len(persons)
            assert listed[collection].face_count == sum(counts.values())
            assert self.gallery.size(collection) == sum(count > 0 for count in counts.values())


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
