"""The committed clients are what their generators make of the committed OpenAPI document."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from service.documents import ROOT
from tests.clients.environment import PATH, needs_generators, needs_node

FOLDERS = ("python/adaface_client/generated", "typescript/src/generated")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("generated")
    command = [str(ROOT / "clients" / "generate.sh"), str(into)]
    done = subprocess.run(command, env=PATH, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return into


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and ".ruff_cache" not in path.parts
    }


@needs_generators
@needs_node
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_client_is_as_its_generator_makes_it(made: Path, folder: str) -> None:
    committed, generated = files(ROOT / "clients" / folder), files(made / folder)
    assert set(committed) == set(generated), "run `make clients`"
    other = [name for name, content in committed.items() if generated[name] != content]
    assert other == [], "run `make clients`"
