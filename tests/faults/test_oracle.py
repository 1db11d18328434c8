"""The judge itself: it sees what is lost, what came back, and answers that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.faults import crops
from tests.faults.oracle import Face, Findings, Oracle, State, compare

ADA, EVE = Face(1, "a"), Face(2, "b")


@dataclass
class Shelf:
    """A store that answers whatever it was given."""

    people: dict[str, dict[str, int]]  # face ids and their seeds
    hidden: frozenset[str] = frozenset()  # from searches
    listed: dict[str, int] = field(default_factory=dict)

    def persons(self) -> dict[str, int]:
        return {person: len(faces) for person, faces in self.people.items()} | self.listed

    def faces(self, person: str) -> list[str]:
        return list(self.people[person])

    def search(self, probes: Sequence[np.ndarray], limit: int = 100) -> list[dict[str, float]]:
        found = {
            person: float(crops.template(faces.values()) @ probes[0])
            for person, faces in self.people.items()
            if faces and person not in self.hidden
        }
        best = sorted(found, key=lambda person: -found[person])[:limit]
        return [{person: found[person] for person in best}]


def found(shelf: Shelf, *states: State) -> dict[str, int]:
    findings = Findings()
    compare(shelf, {"p": list(states)}, findings)
    return dict(findings.counts)


@pytest.mark.parametrize(
    ("shelf", "states", "expected"),
    [
        (Shelf({"p": {"a": 1}}), [frozenset([ADA])], {}),
        (Shelf({"p": {"a": 1, "new": 2}}), [frozenset([ADA]), {ADA, Face(2, None)}], {}),
        (Shelf({}), [frozenset([ADA]), None], {}),
        (Shelf({}), [frozenset([ADA])], {"lost": 1}),
        (Shelf({"p": {"b": 2}}), [frozenset([ADA, EVE])], {"lost": 1}),
        (Shelf({"p": {"a": 1}}), [None], {"back": 1}),
        (Shelf({"p": {"a": 1, "b": 2}}), [frozenset([ADA])], {"back": 1}),
        (Shelf({"q": {"a": 1}}), [None], {"back": 1}),
        (Shelf({"p": {"a": 3}}), [frozenset([ADA])], {"disagree": 1}),
        (Shelf({"p": {"a": 1}}, frozenset("p")), [frozenset([ADA])], {"disagree": 2}),
        (Shelf({"p": {"a": 1}}, listed={"p": 2}), [frozenset([ADA])], {"disagree": 1}),
    ],
)
def test_what_is_not_possible_is_found(
    shelf: Shelf, states: list[State], expected: dict[str, int]
) -> None:
    assert found(shelf, *states) == expected


def test_an_unanswered_operation_may_be_either_way_and_is_settled_by_what_is_seen() -> None:
    oracle = Oracle()
    oracle.acknowledge("p", frozenset([ADA]))
    oracle.attempt("p", frozenset([ADA, Face(2, None)]))
    shelf = Shelf({"p": {"a": 1, "told later": 2}})
    oracle.settle(compare(shelf, oracle.possible(), Findings()))
    assert oracle.possible() == {"p": [frozenset([ADA, Face(2, "told later")])]}
    oracle.attempt("p", None)
    oracle.refuse("p")
    assert len(oracle.possible()["p"]) == 1
