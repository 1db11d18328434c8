"""What has to be there: the acknowledged operations, and for the others either way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tests.faults import crops

_SHOWN = 3
CLOSE = 1e-4  # two orders above float32's rounding of 192 products, four below two people


class Face(NamedTuple):
    seed: int
    id: str | None  # None where the answer that told it never arrived


State: TypeAlias = frozenset[Face] | None  # a person's faces, None for no such person


class Store(Protocol):
    """What is asked of a gallery, over HTTP or in this process."""

    def persons(self) -> dict[str, int]: ...
    def faces(self, person: str) -> list[str]: ...
    def search(
        self, probes: Sequence[NDArray[np.float32]], limit: int = ...
    ) -> list[dict[str, float]]: ...


@dataclass
class Oracle:
    """The states each person may be in. One writer per person, one operation at a time."""

    certain: dict[str, State] = field(default_factory=dict)
    pending: dict[str, State] = field(default_factory=dict)

    def attempt(self, person: str, after: State) -> None:
        self.pending[person] = after

    def acknowledge(self, person: str, after: State) -> None:
        self.certain[person] = after
        self.pending.pop(person, None)

    def refuse(self, person: str) -> None:
        """The operation was answered with an error: nothing was done."""
        self.pending.pop(person, None)

    def possible(self) -> dict[str, list[State]]:
        return {
            person: [self.certain.get(person)]
            + ([self.pending[person]] if person in self.pending else [])
            for person in self.certain.keys() | self.pending.keys()
        }

    def settle(self, seen: Mapping[str, State]) -> None:
        """From now on what was seen is what has to be there."""
        self.certain = dict(seen)
        self.pending.clear()


@dataclass
class Findings:
    """How often a promise was broken, with the first few cases of each kind in words."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, case: str) -> None:
        self.counts[kind] += 1
        self._show(kind, [case])

    def include(self, other: Findings) -> None:
        self.counts += other.counts
        for kind, cases in other.examples.items():
            self._show(kind, cases)

    def _show(self, kind: str, cases: list[str]) -> None:
        shown = self.examples.setdefault(kind, [])
        shown += cases[: _SHOWN - len(shown)]

    @property
    def cases(self) -> list[str]:
        return [f"{kind}: {case}" for kind, cases in self.examples.items() for case in cases]


def compare(
    store: Store, possible: Mapping[str, Sequence[State]], findings: Findings
) -> dict[str, State]:
    """The state of each person in `store`; what is not among `possible` becomes a finding.

    `lost`: acknowledged and not there. `back`: deleted and there. `disagree`: list, get and search
    answer differently.
    """
    listed = store.persons()
    seen: dict[str, State] = {}
    for person in sorted(possible.keys() | listed.keys()):
        there = frozenset(store.faces(person)) if person in listed else None
        if there is not None and len(there) != listed[person]:
            findings.add("disagree", f"{person} is listed with {listed[person]}, has {len(there)}")
        fitting = [s for s in possible.get(person, [None]) if _fits(s, there)]
        if not fitting:
            _blame(person, possible.get(person, [None]), there, findings)
        else:
            seen[person] = _found(store, person, fitting, there, findings)
    _search_lists_everyone(store, listed, findings)
    return {person: state for person, state in seen.items() if state is not None}


def _fits(state: State, there: frozenset[str] | None) -> bool:
    if state is None or there is None:
        return state is None and there is None
    known = {face.id for face in state if face.id}
    return known <= there and len(there) == len(state)


def _blame(
    person: str, states: Sequence[State], there: frozenset[str] | None, findings: Findings
) -> None:
    case = f"{person} may be {states}, is {there}"
    known = [{face.id for face in state or () if face.id} for state in states]
    if there is None or all(ids - there for ids in known):
        findings.add("lost", case)
    else:
        findings.add("back", case)


def _found(
    store: Store,
    person: str,
    fitting: Sequence[State],
    there: frozenset[str] | None,
    findings: Findings,
) -> State:
    """The one of the fitting states whose template the search knows."""
    for state in fitting:
        if not state:
            return state
        [found] = store.search([crops.template(face.seed for face in state)], 1)
        if abs(found.get(person, 0.0) - 1) < CLOSE:
            return _named(state, there or frozenset())
    findings.add("disagree", f"{person} is not found by the template of {fitting}")
    return fitting[0]


def _named(state: frozenset[Face], there: frozenset[str]) -> State:
    """The state with the ids of all its faces; at most one of them was not told."""
    untold = there - {face.id for face in state}
    return frozenset(Face(face.seed, face.id or next(iter(untold))) for face in state)


def _search_lists_everyone(store: Store, listed: Mapping[str, int], findings: Findings) -> None:
    """Whoever has a face is found, and nobody else."""
    enrolled = {person for person, faces in listed.items() if faces}
    [found] = store.search([crops.template([0])], 100)
    if len(enrolled) <= 100 and found.keys() != enrolled:
        odd = sorted(found.keys() ^ enrolled)
        findings.add("disagree", f"listed and found differ in {odd}")
