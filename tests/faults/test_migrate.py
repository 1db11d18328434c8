"""An upgrade that is killed anywhere leaves the old gallery or the new one."""

from __future__ import annotations

import shutil
from multiprocessing import get_context
from pathlib import Path

from tests.faults.migrate import examine, first_release, migrated
from tests.faults.oracle import Findings
from tests.faults.scratch import in_memory


def test_a_migration_killed_at_a_statement_is_old_or_new() -> None:
    """At every twelfth part; `make faults` kills at each."""
    fork, findings = get_context("fork"), Findings()
    with in_memory() as place:
        truth = first_release(place / "old", seed=1, people=1)
        statements = migrated(shutil.copytree(place / "old", place / "spared"), 0, fork)
        assert statements > 10
        for point in range(1, statements + 1, statements // 12):
            directory = shutil.copytree(place / "old", place / str(point))
            migrated(directory, point, fork)
            examine(directory, truth, findings)
    assert not findings.counts, findings.cases


def test_a_migration_that_loses_somebody_is_found(tmp_path: Path) -> None:
    truth, findings = first_release(tmp_path / "old", seed=1, people=1), Findings()
    examine(tmp_path / "old", truth | {"nobody": [frozenset(truth["p0"][0] or ())]}, findings)
    assert findings.counts["lost"] == 1
