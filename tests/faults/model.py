"""Any sequence of calls answers as a dictionary and a matrix product would, 20,000 steps long."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from hypothesis import HealthCheck, settings
from hypothesis import seed as seeded
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.faults.bar import Verdict, judged, tracked
from tests.faults.oracle import Findings
from tests.faults.scratch import MEMORY
from tests.service.gallery.test_model import Model

_AT_ONCE: Final = 500  # steps between two moves of the progress bar
_LONGEST: Final = 50


class Counted(Model):
    """The machine of the test suite, which knows how many steps all its runs took."""

    steps: ClassVar[int] = 0

    @invariant()
    def counted(self) -> None:
        type(self).steps += 1


def run(scratch: Path, seed: int, steps: int) -> Verdict:
    """At least `steps` steps, in runs of up to 50."""
    dice, findings = random.Random(seed), Findings()
    targets = range(_AT_ONCE, steps + _AT_ONCE, _AT_ONCE)
    Counted.steps = 0
    with _in_memory():
        for target in tracked(targets, "model", len(targets)):
            while Counted.steps < min(target, steps) and not findings.counts:
                _once(dice.randrange(2**32), findings)
    return judged("model", findings, ("divergences",), steps=Counted.steps)


@contextmanager
def _in_memory() -> Iterator[None]:
    """Whoever asks for a temporary directory gets one in memory."""
    before, tempfile.tempdir = tempfile.tempdir, MEMORY
    try:
        yield
    finally:
        tempfile.tempdir = before


def _once(seed: int, findings: Findings) -> None:
    chosen = settings(
        max_examples=10,
        stateful_step_count=_LONGEST,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seeded(seed)(Counted), settings=chosen)
    except Exception as error:  # noqa: BLE001 - hypothesis raises what the smallest failing run raised
        findings.add("divergences", f"seed {seed}: {error!r}")
