"""What the sealed columns hold, as bytes and back."""

from __future__ import annotations

import json
import math
import struct
from typing import Final, NamedTuple

import numpy as np

from service.errors import InvalidRequest
from service.gallery.protocol import Metadata, NewFace
from service.gallery.slots import FIRST, Slot, State
from service.gallery.templates import FLOAT

_FIGURES: Final = struct.Struct("<3d")  # norm, quality, detection score; NaN where there is none


class Label(NamedTuple):
    """A collection's own words, and the bundle that its faces belong to, in the slot `slot`.

    `settings` are those that differ from the defaults; older releases wrote none. `renewal` is the
    state of a change of the model, and the bundle of the other slot.
    """

    name: str | None
    metadata: Metadata
    bundle: str | None
    settings: Metadata = {}  # noqa: RUF012 - never written to
    slot: Slot = FIRST
    renewal: tuple[State, str] | None = None


class Profile(NamedTuple):
    """A person's own words; older releases wrote no consent reference."""

    name: str | None
    external_id: str | None
    metadata: Metadata
    consent_reference: str | None = None


class Content(NamedTuple):
    """A face: little-endian float32 embedding, norm, quality and detection score."""

    embedding: bytes
    norm: float
    quality: float | None
    detection_score: float | None


def written(words: Label | Profile) -> bytes:
    """Raises InvalidRequest for metadata that is not JSON."""
    try:
        # Encoded strictly: half a surrogate pair would make every answer that holds it a 500.
        return json.dumps(words, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"The metadata is not JSON: {error}.") from error


def taken_over(words: Label | Profile) -> bytes:
    """As `written`, of what an older release accepted: a migration refuses nothing."""
    return json.dumps(words).encode()


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
