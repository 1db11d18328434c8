"""Requests that schemathesis makes up from the OpenAPI document, sent to a server with keys."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from typer.testing import CliRunner

from service.cli.commands import app
from service.documents import ROOT
from tests.service.serving import Server, server

PROGRAM = ROOT / ".venv-clients" / "bin" / "schemathesis"
CONFIG = Path(__file__).with_name("schemathesis.toml")


class Kept(NamedTuple):
    """A server that asks for keys, and where it keeps them."""

    running: Server
    directory: Path

    def key(self, scope: str) -> str:
        """A new key; `all` has every scope."""
        name = secrets.token_hex(4)
        create = ["keys", "create", name, "--scope", scope, "--data-dir", str(self.directory)]
        done = CliRunner().invoke(app, create)
        assert done.exit_code == 0, done.output
        return done.stdout.strip().splitlines()[0]


class Found(NamedTuple):
    """What a run came to: cases that were tried, and what it printed where something failed."""

    cases: int
    failures: int
    output: str


@contextmanager
def kept(directory: Path) -> Iterator[Kept]:
    data = directory / "data"
    data.mkdir(parents=True)
    first = ["keys", "create", "first", "--scope", "admin", "--data-dir", str(data)]
    assert CliRunner().invoke(app, first).exit_code == 0
    with server(data) as running:
        yield Kept(running, data)


def run(door: Kept, scope: str, report: Path, *options: str) -> Found:
    """All operations with a key of `scope`; `options` are schemathesis's."""
    command = [str(PROGRAM), "--config-file", str(CONFIG), "--no-color", "run"]
    command += [str(ROOT / "openapi.json"), "--url", str(door.running.client.base_url)]
    command += ["--header", f"X-API-Key: {door.key(scope)}", "--no-shrink", "--seed", "1"]
    command += ["--request-timeout", "120"]  # a machine may be busy
    command += ["--report", "json", "--report-json-path", str(report), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise AssertionError(done.stdout + done.stderr)
    told: dict[str, Any] = json.loads(report.read_text())
    failures = len(told["failures"]) + len(told["errors"])
    return Found(told["test_cases"]["generated"], failures, done.stdout)
