"""`make contract`: every operation, every phase and every check of schemathesis, each scope's key.

Ends with a line of figures; exit status 1 where something fails, or fewer cases were made than 2,000.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from service.access import SCOPES
from tests.contract.contract import kept, run

CASES = 2000
PLAN = (
    ("all", "--max-examples", "3"),
    ("all", "--phases", "stateful", "--max-examples", "60"),
    *((scope, "--max-examples", "1") for scope in ("none", *SCOPES)),
)


def main() -> None:
    cases = failures = 0
    with TemporaryDirectory() as scratch, kept(Path(scratch)) as door:
        for scope, *options in PLAN:
            found = run(door, scope, Path(scratch) / "report.json", *options)
            if found.failures:
                sys.stdout.write(found.output)
            sys.stdout.write(f"{scope}: {found.cases} cases, {found.failures} failures\n")
            sys.stdout.flush()
            cases, failures = cases + found.cases, failures + found.failures
    sys.stdout.write(f"cases={cases} failures={failures}\n")
    sys.exit(failures > 0 or cases < CASES)


if __name__ == "__main__":
    main()
