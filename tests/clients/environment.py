"""Where the generators and Node.js are, and what to skip without them."""

from __future__ import annotations

import os

import pytest

from service.documents import ROOT

TOOLS = ROOT / ".venv-clients" / "bin"
TYPESCRIPT = ROOT / "clients" / "typescript"
PATH = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}

needs_generators = pytest.mark.skipif(
    not (TOOLS / "openapi-python-client").exists(), reason="needs `make .venv-clients/.clients`"
)
needs_node = pytest.mark.skipif(
    not (TOOLS / "node").exists() or not (TYPESCRIPT / "node_modules" / "typescript").exists(),
    reason="needs packages that `make .venv-clients/.clients` gets from the npm registry",
)
