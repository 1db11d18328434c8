"""Photographs that come with packages the service depends on anyway."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import insightface
import PIL.Image
import PIL.ImageFilter
import skimage

GROUP = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"  # six faces
SKIMAGE = Path(skimage.__file__).parent / "data"


@cache
def group() -> bytes:
    return GROUP.read_bytes()


@cache
def astronaut() -> bytes:
    """One face, 512x512, PNG."""
    return (SKIMAGE / "astronaut.png").read_bytes()


def without_faces(name: str) -> bytes:
    return (SKIMAGE / name).read_bytes()


def portrait(**options: object) -> bytes:
    """The astronaut at 640x480 as a JPEG."""
    picture = PIL.Image.open(io.BytesIO(astronaut())).convert("RGB").crop((0, 0, 512, 384))
    buffer = io.BytesIO()
    picture.resize((640, 480)).save(buffer, "JPEG", **{"quality": 92, **options})
    return buffer.getvalue()


@cache
def crop(blur: float = 0) -> bytes:
    """The astronaut's face as a 112x112 crop, blurred by `blur` pixels."""
    picture = PIL.Image.open(io.BytesIO(astronaut())).convert("RGB").crop((170, 60, 282, 172))
    buffer = io.BytesIO()
    picture.filter(PIL.ImageFilter.GaussianBlur(blur)).save(buffer, "PNG")
    return buffer.getvalue()


@cache
def blurred(radius: float) -> bytes:
    """The astronaut out of focus, as a PNG; `radius` in pixels of a face 96 pixels wide."""
    picture = PIL.Image.open(io.BytesIO(astronaut())).convert("RGB")
    buffer = io.BytesIO()
    picture.filter(PIL.ImageFilter.GaussianBlur(radius)).save(buffer, "PNG")
    return buffer.getvalue()
