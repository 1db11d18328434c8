"""A norm that does not order errors is never served: whoever turned it round, and however."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models import bundle as bundles
from service.settings import STARTER
from tests.accuracy.turned import copied_calibration, turned_manifest, turned_network

from .serving import command


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        (turned_manifest, "does not order errors in direction -1"),
        (turned_network, "does not order errors as its calibration says"),
        (copied_calibration, "calibration of another recognizer"),
    ],
)
def test_a_norm_that_is_turned_round_is_refused_by_serve(
    tmp_path: Path, turn: Callable[[Path, Path], Path], says: str
) -> None:
    bundle = turn(STARTER, tmp_path / "turned")
    run = command("serve", bundle=bundle, data_dir=tmp_path / "data", port=0)
    assert run.returncode == 1
    [line] = [each for each in run.stderr.splitlines() if each.startswith("adaface: ")]
    assert says in line
    assert str(bundle) in line


def test_the_starter_itself_is_asked() -> None:
    assert bundles.load(STARTER).manifest.quality.witness
