"""Writes what the pipeline found as documents of the API.

A document is a plain dictionary that fits its model in `schemas`; arrays stay arrays until
`encoded` writes them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from models.bundle import Bundle
from service import schemas
from service.advice import advice
from service.errors import ServiceError
from service.pipeline import FaceFeatures, Reading

Document: TypeAlias = dict[str, Any]
Format = schemas.EmbeddingFormat


def encoded(document: Document) -> bytes:
    """JSON, to which orjson writes arrays without a Python number for each element."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def face(found: FaceFeatures, form: Format) -> Document:
    """One face as a `schemas.Face`, its embedding in the asked-for form."""
    seen, quality = found.detection, found.quality
    fnmr = None if quality.predicted_fnmr is None else round(quality.predicted_fnmr, 4)
    detection_score = None if seen is None else round(seen.score, 4)
    return {
        "bbox": None if seen is None else _bbox(seen.box),
        "landmarks": None if seen is None else np.round(seen.landmarks, 2),
        "detection_score": detection_score,
        "quality": {
            "score": quality.score,
            "norm": round(quality.norm, 4),
            "predicted_fnmr": fnmr,
            "components": quality.components._asdict(),
            "advice": [each._asdict() for each in advice(quality.components, detection_score)],
        },
        "embedding": written(found.embedding, form),
    }


def written(vector: NDArray[np.float32], form: Format) -> NDArray[np.float32] | str | None:
    """A (d,) embedding as it is, as base64 of little-endian float32, or not at all."""
    if form == "none":
        return None
    if form == "base64":
        return base64.b64encode(vector.astype("<f4", copy=False).tobytes()).decode()
    return np.ascontiguousarray(vector)


def faces(reading: Reading, form: Format, bundle: Bundle) -> Document:
    """What was read as a `schemas.Faces`."""
    return {
        "width": reading.width,
        "height": reading.height,
        "faces": [face(found, form) for found in reading.faces],
        "truncated": reading.truncated,
        "bundle": bundle.manifest.id,
    }


def batch(read: Sequence[Reading | ServiceError], form: Format, bundle: Bundle) -> Document:
    """What was read of several images as a `schemas.Batch`."""
    return {
        "items": [_item(n, each, form) for n, each in enumerate(read)],
        "bundle": bundle.manifest.id,
    }


def _item(index: int, read: Reading | ServiceError, form: Format) -> Document:
    if isinstance(read, ServiceError):
        problem = {
            "type": f"urn:problem:{read.slug()}",
            "title": read.title,
            "status": read.status,
            "detail": str(read) or read.title,
        }
        return {"index": index, "status": read.status, "image": None, "problem": problem}
    image = {
        "width": read.width,
        "height": read.height,
        "faces": [face(found, form) for found in read.faces],
        "truncated": read.truncated,
    }
    return {"index": index, "status": 200, "image": image, "problem": None}


def _bbox(box: NDArray[np.float32]) -> Document:
    left, top, right, bottom = (round(edge, 2) for edge in box.tolist())
    return {
        "x": left,
        "y": top,
        "width": round(right - left, 2),
        "height": round(bottom - top, 2),
    }
