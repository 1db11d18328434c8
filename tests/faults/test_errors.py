"""The errors bar on two points: it sees a disk that fails, and what a service must not hide."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.faults import crops
from tests.faults.client import Answer
from tests.faults.errors import Clerk, Point, Session
from tests.faults.oracle import Findings, Oracle
from tests.faults.scratch import in_memory

SLOW = {"hung"}  # a machine that does much else besides is no fault
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="apt-get install strace")


def test_after_a_failed_sync_nothing_is_written_until_a_restart(tmp_path: Path) -> None:
    bundle = crops.bundle_in(tmp_path)
    with in_memory() as place:
        session = Session(place / "data", bundle, seed=1)
        findings = session.run(Point("fdatasync", "EIO", 20, on=False))
    assert not findings.counts.keys() - SLOW
    assert session.failed
    assert session.acknowledged > 5


def test_a_full_disk_for_a_moment_costs_a_few_refusals(tmp_path: Path) -> None:
    bundle = crops.bundle_in(tmp_path)
    with in_memory() as place:
        session = Session(place / "data", bundle, seed=1)
        findings = session.run(Point("pwrite64", "ENOSPC", 40, on=False))
    assert not findings.counts.keys() - SLOW
    assert not session.failed
    assert session.acknowledged > session.full > 0


@pytest.mark.parametrize(
    ("status", "slug", "kind"),
    [(500, "service-error", "undocumented"), (201, "", "written_on"), (404, "not-found", "")],
)
def test_what_must_not_be_answered_after_a_failure_is_counted(
    status: int, slug: str, kind: str
) -> None:
    findings, oracle = Findings(), Oracle()
    clerk = Clerk("w", oracle, random.Random(0), findings=findings, failed=True)
    clerk.judge("p", None, Answer(status, {"type": f"urn:problem:{slug}"}))
    assert dict(findings.counts) == ({kind: 1} if kind else {})
