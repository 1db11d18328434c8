from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from .serving import Server, server


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests; each works in collections of its own."""
    with server(tmp_path_factory.mktemp("served") / "data") as started:
        yield started


@pytest.fixture(scope="session")
def client(running: Server) -> httpx.Client:
    return running.client


@pytest.fixture
def collection(client: httpx.Client) -> str:
    """The id of a new, empty collection."""
    name = uuid4().hex
    assert client.post("/collections", json={"id": name}).status_code == 201
    return name
