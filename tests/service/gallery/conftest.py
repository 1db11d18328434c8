from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.gallery.local import LocalGallery

from .clock import Clock
from .faces import opened


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[LocalGallery]:
    gallery = opened(tmp_path)
    yield gallery
    gallery.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()
