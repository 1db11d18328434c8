"""Writers that enroll, replace and delete, each its own people, and tell the oracle."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tests.faults.client import Answer, Client, Gone
from tests.faults.oracle import Face, Oracle, State

PEOPLE: Final = 12
_MOST_FACES: Final = 3


@dataclass
class Writer:
    """Changes `people` of its own, `name-0`, `name-1` ..., until the server is gone or `enough` says so."""

    name: str
    oracle: Oracle
    random: random.Random
    people: int = PEOPLE
    deletes: bool = True
    acknowledged: int = 0
    refused: list[Answer] = field(default_factory=list)
    log: list[tuple[str, str, State]] = field(default_factory=list)  # request id, person, after

    def run(self, address: str, enough: Callable[[], bool]) -> None:
        self.client = Client(address)
        with suppress(Gone):
            while not enough():
                self._step(f"{self.name}-{self.random.randrange(self.people)}")
        self.client.close()

    def _step(self, person: str) -> None:
        client = self.client
        state = self.oracle.certain.get(person)
        known = [face for face in state or () if face.id]
        if state is None:
            self._do(person, frozenset(), lambda tag: client.create(person, tag))
        elif not (state and self.deletes) or (
            len(state) < _MOST_FACES and self.random.random() < 0.6
        ):
            self._enroll(person, state)
        elif known and self.random.random() < 0.5:
            face = self.random.choice(known)
            self._do(
                person,
                state - {face},
                lambda tag: client.delete_face(person, str(face.id), tag),
            )
        else:
            self._do(person, None, lambda tag: client.delete(person, tag))

    def _enroll(self, person: str, state: frozenset[Face]) -> None:
        seed = self.random.randrange(2**31)
        after = state | {Face(seed, None)}
        answer = self._do(person, after, lambda tag: self.client.enroll(person, seed, tag))
        if answer.acknowledged and answer.document:
            told = state | {Face(seed, answer.document["faces"][0]["id"])}
            self.oracle.acknowledge(person, told)
            self.log[-1] = (self.log[-1][0], person, told)

    def _do(self, person: str, after: State, call: Callable[[str], Answer]) -> Answer:
        tag = f"{self.name}.{len(self.log)}"
        self.log.append((tag, person, after))
        self.oracle.attempt(person, after)
        answer = call(tag)
        if answer.acknowledged:
            self.acknowledged += 1
            self.oracle.acknowledge(person, after)
        else:
            self.refused.append(answer)
            self.oracle.refuse(person)
        return answer
