"""Whoever was answered is seen by the very next search: their own, and everybody else's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.client import Answer
from tests.faults.oracle import CLOSE, Findings, Oracle, State
from tests.faults.served import served
from tests.faults.writing import Writer

CLIENTS: Final = 8
_PEOPLE: Final = 6


@dataclass
class Register:
    """The states of one person in order; `acknowledged` counts those that have been answered."""

    states: list[State] = field(default_factory=lambda: [None])
    acknowledged: int = 1


@dataclass
class Reader(Writer):
    """Writes, then searches for its own person and for somebody else's."""

    registers: dict[str, Register] = field(default_factory=dict)  # everybody's
    findings: Findings = field(default_factory=Findings)
    operations: int = 0
    people: int = _PEOPLE

    def _do(self, person: str, after: State, call: Callable[[str], Answer]) -> Answer:
        register = self.registers[person]
        register.states.append(after)
        answer = super()._do(person, after, call)
        if not answer.acknowledged:
            self.findings.add("refused", str(answer))
            return answer
        register.acknowledged = len(register.states)
        self._look(person)
        self._look(self.random.choice(list(self.registers)))
        self.operations += 3
        return answer

    def _look(self, person: str) -> None:
        """The answer has to fit a state between those known before and after the search.

        The probe is the last acknowledged template, so that a stale one is far from it.
        """
        register = self.registers[person]
        oldest = register.acknowledged - 1
        probe = _template(register.states[oldest])
        [found] = self.client.search([crops.template([0]) if probe is None else probe])
        states = register.states[oldest:]
        fits = any(_fits(found.get(person), state, probe) for state in states)
        if not fits:
            seen = f"{person} is found with {found.get(person)}"
            self.findings.add("stale", f"{seen}, not as {_shown(states)}")


def _fits(cosine: float | None, state: State, probe: np.ndarray | None) -> bool:
    template = _template(state)
    if template is None or cosine is None:
        return template is None and cosine is None
    expected = float(template @ (crops.template([0]) if probe is None else probe))
    return abs(cosine - expected) < CLOSE


def _template(state: State) -> np.ndarray | None:
    return crops.template(face.seed for face in state) if state else None


def _shown(states: Sequence[State]) -> list[list[int] | None]:
    return [None if state is None else [face.seed for face in state] for state in states]


def run(scratch: Path, seed: int, operations: int) -> Verdict:
    """8 clients, one write and two searches at a time, until there are `operations` together."""
    bundle, findings = crops.bundle_in(scratch), Findings()
    registers = {f"c{n}-{k}": Register() for n in range(CLIENTS) for k in range(_PEOPLE)}
    readers = [
        Reader(f"c{n}", Oracle(), random.Random(seed + n), registers=registers)
        for n in range(CLIENTS)
    ]

    def done() -> int:
        return sum(reader.operations for reader in readers)

    with served(scratch / "data", bundle) as running, ThreadPoolExecutor(CLIENTS) as pool:
        tasks = [
            pool.submit(reader.run, running.address, lambda: done() >= operations)
            for reader in readers
        ]
        for reached in tracked(range(1, 101), "reading", 100):  # hundredths
            while 100 * done() < reached * operations and not any(task.done() for task in tasks):
                time.sleep(0.05)
        for task in tasks:
            task.result()
    for reader in readers:
        findings.include(reader.findings)
    return judged("reading", findings, ("stale", "refused"), operations=done(), clients=CLIENTS)
