"""What the sealed columns hold, as bytes and back."""

from __future__ import annotations

import json
import math
import struct
from typing import Final, NamedTuple

import numpy as np

from service.errors import InvalidRequest
from service.gallery.protocol import Metadata, NewFace
from service.gallery.templates import FLOAT

_FIGURES: Final = struct.Struct("<3d")  # norm, quality, detection score; NaN where there is none


class Label(NamedTuple):
    """A collection's own words, and the bundle that its faces belong to."""

    name: str | None
    metadata: Metadata
    bundle: str | None


class Profile(NamedTuple):
    """A person's own words."""

    name: str | None
    external_id: str | None
    metadata: Metadata


class Content(NamedTuple):
    """A face: little-endian float32 embedding, norm, quality and detection score."""

    embedding: bytes
    norm: float
    quality: float | None
    detection_score: float | None


def written(words: Label | Profile) -> bytes:
    """Raises InvalidRequest for metadata that is not JSON."""
    try:
        return json.dumps(words, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"The metadata is not JSON: {error}.") from error


def label(content: bytes) -> Label:
    return Label(*json.loads(content))


def profile(content: bytes) -> Profile:
    return Profile(*json.loads(content))


def packed(face: NewFace) -> bytes:
    quality, score = face.quality, face.detection_score
    figures = _FIGURES.pack(
        face.norm, math.nan if quality is None else quality, math.nan if score is None else score
    )
    return figures + np.asarray(face.embedding).astype(FLOAT).tobytes()


def unpacked(content: bytes) -> Content:
    norm, quality, score = _FIGURES.unpack_from(content)
    return Content(content[_FIGURES.size :], norm, _known(quality), _known(score))


def _known(figure: float) -> float | None:
    return None if math.isnan(figure) else figure
