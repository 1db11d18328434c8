"""The programs of docs/clients.md, as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.documents import ROOT
from tests.clients.environment import PATH, TYPESCRIPT, needs_node


def program(language: str, url: str) -> str:
    page = (ROOT / "docs" / "clients.md").read_text()
    found = re.search(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found
    return found[1].replace("http://localhost:8000", url)


@pytest.fixture
def folder(tmp_path: Path, people: dict[str, list[bytes]]) -> Path:
    for name, image in zip(("a.jpg", "b.jpg"), people["eileen"], strict=True):
        (tmp_path / name).write_bytes(image)
    (tmp_path / "ann.jpg").write_bytes(people["ann"][0])
    return tmp_path


def printed(command: list[str], folder: Path, **variables: str) -> list[str]:
    done = subprocess.run(
        command, cwd=folder, env=PATH | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_python_program_does_what_it_says(url: str, key: str, folder: Path) -> None:
    (folder / "program.py").write_text(program("python", url))
    client = str(ROOT / "clients" / "python")
    lines = printed([sys.executable, "program.py"], folder, KEY=key, PYTHONPATH=client)
    assert lines[0] == "match eileen"
    assert "'eileen'" in lines[1]
    assert lines[-1] == "409 person-exists"


@needs_node
def test_the_typescript_program_does_what_it_says(url: str, key: str, folder: Path) -> None:
    printed(["npm", "run", "--silent", "build"], TYPESCRIPT)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "adaface-client").symlink_to(TYPESCRIPT)
    (folder / "program.mts").write_text(program("ts", url))
    lines = printed(["node", "program.mts"], folder, KEY=key)
    assert lines[0] == "match ann"
    assert "'ann'" in lines[1]
    assert lines[-1] == "409 person-exists"
