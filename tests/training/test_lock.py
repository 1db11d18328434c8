"""Two runs never write to one folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from training.lock import FolderInUse, alone

HOLDER = """
import sys
from pathlib import Path
from training.lock import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_one_runs_until_that_ends_even_by_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(FolderInUse, match="another --out"), alone(folder):
            pass
        other.kill()
        other.wait()
        with alone(folder):
            pass
