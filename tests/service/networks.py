"""The starter bundle's networks, opened once for the tests that need no server."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import gettempdir

from service.runtime import Networks, open_networks
from service.settings import Settings

SETTINGS = Settings(data_dir=Path(gettempdir()) / "unused", threads=2)


@cache
def networks() -> Networks:
    return open_networks(SETTINGS)
