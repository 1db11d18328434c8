"""The TypeScript client, built and used as its users do, against a running service."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import photographs
from tests.clients.environment import PATH, TYPESCRIPT, needs_node
from tests.service.serving import Server
from tests.service.wire import metric, settles

LEFT = 'face_requests_refused_total{reason="disconnected"}'


def npm(script: str, **variables: str) -> str:
    done = subprocess.run(
        ["npm", "run", "--silent", script],
        cwd=TYPESCRIPT,
        env=PATH | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built() -> None:
    npm("build")


@needs_node
@pytest.mark.usefixtures("built")
def test_its_test_is_typed() -> None:
    npm("check")


@needs_node
@pytest.mark.usefixtures("built")
def test_it_enrolls_verifies_identifies_pages_handles_a_problem_and_cancels(
    running: Server, url: str, key: str, people: dict[str, list[bytes]], tmp_path: Path
) -> None:
    for name, images in people.items():
        for n, image in enumerate(images):
            (tmp_path / f"{name}-{n}").write_bytes(image)
    (tmp_path / "group").write_bytes(photographs.group())
    before = metric(running, LEFT)
    told = npm("test", ADAFACE_URL=url, ADAFACE_KEY=key, ADAFACE_PHOTOGRAPHS=str(tmp_path))
    assert "pass 5" in told
    assert "fail 0" in told
    assert settles(running, "http_server_active_requests", 0)
    assert metric(running, LEFT) == before + 1
