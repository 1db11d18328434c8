"""Benchmarks that are programs of their own: each ends with a line of figures and its status."""

from __future__ import annotations

import subprocess
import sys
from typing import Final, NamedTuple

from pydantic import BaseModel

from tests.bench.load import ROOT

LIMIT: Final = 1800  # seconds


class Command(BaseModel):
    """`status` 0 where its bars hold; `last` is the last line it printed."""

    name: str
    promise: str
    module: str
    status: int
    last: str


class Program(NamedTuple):
    """A module that is run, and its arguments in full and with `--quick`; None: not run then."""

    module: str
    promise: str
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] | None = None


PROGRAMS: Final = {
    "overload-stub": Program(
        "tests.benchmarks.overload",
        "Overload by ten of a network that takes 100 ms",
        ("--only", "stub"),
        ("--only", "stub", "--seconds", "5"),
    ),
    "memory": Program(
        "tests.benchmarks.memory",
        "24 photographs of 40 megapixels at once, and 60 bodies of 14 MB",
    ),
    "interleaved": Program(
        "tests.benchmarks.interleaved",
        "Interleaved requests with different options answer as they do alone",
        quick=("--requests", "200"),
    ),
}


def run(name: str, *, quick: bool) -> Command | None:
    """Runs one of `PROGRAMS` to its end; None where it takes too long for `--quick`."""
    module, promise, full, short = PROGRAMS[name]
    arguments = short if quick else full
    if arguments is None:
        return None
    ran = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    said = (ran.stdout.strip() or ran.stderr.strip() or "nothing").splitlines()
    return Command(name=name, promise=promise, module=module, status=ran.returncode, last=said[-1])
