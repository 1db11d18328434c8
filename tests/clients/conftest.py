from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests import photographs
from tests.service.people import members
from tests.service.serving import Server, server

KEY = secrets.token_hex(32)


@pytest.fixture(scope="session")
def key() -> str:
    return KEY


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for a key; its own client has it."""
    root = tmp_path_factory.mktemp("clients")
    (root / "key").write_text(KEY + "\n")
    with server(root / "data", admin_key_file=root / "key") as started:
        started.client.headers["X-API-Key"] = KEY
        yield started


@pytest.fixture(scope="session")
def url(running: Server) -> str:
    return str(running.client.base_url).rstrip("/")


@pytest.fixture(scope="session")
def people(running: Server) -> dict[str, list[bytes]]:
    """Photographs of two people, two of the first."""
    return {
        "eileen": [photographs.astronaut(), photographs.portrait()],
        "ann": [members(running.client)[0]],
    }
