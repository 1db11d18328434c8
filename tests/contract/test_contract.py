"""A slice of `make contract`: the service keeps to its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.environment import needs_generators
from tests.contract.contract import Kept, kept, run


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with kept(tmp_path_factory.mktemp("contract")) as opened:
        yield opened


@needs_generators
@pytest.mark.parametrize("scope", ["all", "none"])
def test_what_is_made_up_from_the_document_is_answered_as_it_says(
    door: Kept, scope: str, tmp_path: Path
) -> None:
    phases = ["--phases", "examples,fuzzing,stateful" if scope == "all" else "examples"]
    found = run(door, scope, tmp_path / "report.json", *phases, "--max-examples", "3")
    assert found.failures == 0, found.output
    assert found.cases >= 30
