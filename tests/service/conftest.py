from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
import PIL.Image
import pytest

from tests import photographs

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


@pytest.fixture(scope="session")
def persons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs each of 24 'persons': faces of two real ones, recolored and warped.

    Enough for the machinery of calibration; its numbers would mean nothing.
    """
    root = tmp_path_factory.mktemp("persons")
    face = (
        PIL.Image.open(io.BytesIO(photographs.astronaut())).convert("RGB").crop((120, 0, 330, 230))
    )
    for n in range(24):
        random = np.random.default_rng(n)
        directory = root / f"Person_{n}"
        directory.mkdir()
        size = (int(random.integers(190, 260)), int(random.integers(190, 260)))
        changed = face.resize(size).rotate(float(random.uniform(-20, 20)))
        for k in (1, 2):
            tint = np.asarray(changed, np.float64) * random.uniform(0.6, 1.1, 3)
            stored = PIL.Image.fromarray(np.clip(tint, 0, 255).astype(np.uint8))
            stored.save(directory / f"Person_{n}_{k:04d}.jpg", quality=92)
    return root
