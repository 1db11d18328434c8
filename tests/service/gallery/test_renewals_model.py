"""Whatever a change of the model and its callers do, everybody is found as by a matrix product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.errors import RenewalConflict, RenewalNotFound
from service.gallery.checking import check
from service.gallery.local import LocalGallery
from service.gallery.protocol import NewPerson

from .faces import BUNDLE, direction
from .test_renewals import CROP, NEXT, after, both, clear, embed, opened, wide

persons = st.sampled_from(["p", "q", "r"])
seeds = st.integers(0, 9)
turns = st.sampled_from(["switch", "rollback", "finish", "cancel"])


class Change(RuleBasedStateMachine):
    """`truth` has the seed of each face; faces of odd seeds are enrolled without a crop."""

    @initialize(fusion=st.sampled_from([None, "mean", "max"]))
    def open(self, fusion: str | None) -> None:
        self.place = TemporaryDirectory()
        self.gallery = self._opened()
        self.fusion = fusion
        self.gallery.change_collection("default", {"settings": {"template": fusion}})
        self.restart()
        self.truth: dict[str, dict[str, int]] = {}
        self.state: str | None = None
        self.active = BUNDLE

    def _opened(self) -> LocalGallery:
        return opened(Path(self.place.name))

    def teardown(self) -> None:
        found = check(self.gallery._store.database)
        self.gallery.close()
        self.place.cleanup()
        assert found == []

    @rule()
    def restart(self) -> None:
        self.gallery.close()
        self.gallery = self._opened()

    @rule(person=persons, seed=seeds)
    def enroll(self, person: str, seed: int) -> None:
        if person not in self.truth:
            self.gallery.create_person("default", NewPerson(id=person))
        new = both(seed)
        if seed % 2 == 0:
            new = replace(new, crop=CROP + str(seed).encode())
        [kept] = self.gallery.enroll("default", person, [new])
        self.truth.setdefault(person, {})[kept.id] = seed

    @rule(person=persons)
    def delete(self, person: str) -> None:
        if self.truth.pop(person, None) is not None:
            self.gallery.delete_person("default", person)

    @rule(person=persons, other=persons)
    def move_or_merge(self, person: str, other: str) -> None:
        if person == other or not {person, other} <= self.truth.keys():
            return
        faces = self.truth[person]
        if len(faces) > 1:
            face = next(iter(faces))
            self.gallery.move_face("default", person, face, other)
            self.truth[other][face] = faces.pop(face)
        else:
            self.gallery.merge_persons("default", person, other)
            self.truth[other] |= self.truth.pop(person)

    @rule(person=persons)
    def delete_face(self, person: str) -> None:
        if faces := self.truth.get(person):
            face = next(iter(faces))
            self.gallery.delete_face("default", person, face)
            del faces[face]

    @precondition(lambda self: self.state is None)
    @rule()
    def begin(self) -> None:
        other = NEXT if self.gallery.bundle("default") == BUNDLE else BUNDLE
        self.active = self.gallery.bundle("default")
        self.gallery.renewals.begin("default", other)
        self.state = "embedding"

    @precondition(lambda self: self.state == "embedding" and self.active == BUNDLE)
    @rule()
    def embed(self) -> None:
        embed(self.gallery)

    @precondition(lambda self: self.state in {"embedding", "switched"})
    @rule(person=persons)
    def supply(self, person: str) -> None:
        for face, seed in self.truth.get(person, {}).items():
            old = after(seed)._replace(bundle=BUNDLE, embedding=direction(seed), norm=20.0)
            self.gallery.renewals.supply("default", person, face, [after(seed), old], None)

    @precondition(lambda self: self.state in {"embedding", "switched"})
    @rule()
    def prepare(self) -> None:
        assert self.gallery.renewals.prepare("default", lambda: False)

    @precondition(lambda self: self.state in {"embedding", "switched"})
    @rule(turn=turns, drop=st.booleans())
    def turn(self, turn: str, *, drop: bool) -> None:
        fits = (turn in {"switch", "cancel"}) == (self.state == "embedding")
        dropping = {"drop_missing": True} if drop and turn in {"switch", "rollback"} else {}
        call: Callable[..., Any] = getattr(self.gallery.renewals, turn)
        try:
            call("default", **dropping)
        except RenewalConflict:
            self._resync()
            return
        assert fits
        if turn in {"switch", "rollback"}:
            self.active = BUNDLE if self.active == NEXT else NEXT
        self.state = {"switch": "switched", "rollback": "embedding"}.get(turn, "clearing")
        self._resync()

    @precondition(lambda self: self.state == "clearing")
    @rule()
    def clear(self) -> None:
        clear(self.gallery)
        with pytest.raises(RenewalNotFound):
            self.gallery.renewals.state("default")
        self.state = None

    def _resync(self) -> None:
        """Dropping deletes the faces that the other model was not asked about, and only those."""
        for person, faces in self.truth.items():
            there = {f.id for f in self.gallery.faces("default", person, None, 99).items}
            assert there <= faces.keys()
            self.truth[person] = {face: seed for face, seed in faces.items() if face in there}

    @invariant()
    def everybody_is_found(self) -> None:
        enrolled = {who: list(faces.values()) for who, faces in self.truth.items() if faces}
        bundle = self.gallery.bundle("default")
        if enrolled and self.state is not None:
            assert bundle == self.active
        vectors, norm = (direction, 20.0) if bundle == BUNDLE else (wide, 30.0)
        for seed in (0, 1, 4):
            probe = vectors(seed)
            [found] = self.gallery.search("default", probe[np.newaxis], 9, bundle=bundle)
            told = {each.person.id: each.similarity for each in found}
            expected = {
                w: self._cosine([vectors(s) for s in of], norm, probe) for w, of in enrolled.items()
            }
            assert told == pytest.approx(expected, abs=1e-5)

    def _cosine(self, faces: list[Any], norm: float, probe: Any) -> float:
        if self.fusion == "max":
            return max(float(each @ probe) for each in faces)
        total = np.sum(faces, axis=0) * norm
        return float(total @ probe / np.linalg.norm(total))


Change.TestCase.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestChange = Change.TestCase
