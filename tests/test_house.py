"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.documents import ROOT, configuration

SOURCES = [
    path
    for part in ("models", "service", "training")
    for path in sorted((ROOT / part).rglob("*.py"))
]
OWNERS = {
    "onnxruntime": {"service/onnx.py", "training/parity.py", "training/precision.py",
                    "training/evaluate/embedder.py",
                    "training/detector/export.py", "training/detector/evaluate.py"},
    "faiss": {"service/gallery/index/scan.py"},
}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_small_and_imports_only_what_is_its_business(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    text = path.read_text()
    assert len(text.splitlines()) <= 350
    used = set(imports(path))
    if not name.startswith("training/"):
        assert "torch" not in used
    if not name.startswith(("service/routes/", "service/app.py", "service/problems.py")):
        assert "fastapi" not in used
    for package in ("onnxruntime", "faiss"):
        assert package not in used or name in OWNERS[package]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


def test_the_service_runs_without_torch() -> None:
    code = "import sys; import service.cli, service.app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_setting_is_documented() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == configuration(), "run `make docs`"


def test_the_starter_bundle_is_small_enough_to_commit() -> None:
    files = list((ROOT / "models" / "starter").iterdir())
    assert sum(path.stat().st_size for path in files) <= 10_000_000
    sizes = {path.name: path.stat().st_size for path in files}
    assert sizes["detector.onnx"] <= 1_000_000
    assert sizes["recognizer.onnx"] <= 9_000_000
    assert (ROOT / "models" / "starter" / "MODEL_CARD.md").exists()
