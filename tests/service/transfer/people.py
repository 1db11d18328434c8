"""Invented people to move: random unit vectors under every word that a person can have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from service.gallery import Collection, CollectionSettings, Enrolled, NewFace, NewPerson, Part

START = datetime(2024, 2, 29, 12, 30, 59, 123457, UTC)


def vector(seed: int, dimension: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(size=dimension)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def person(n: int, faces: int, dimension: int, home: str = "c") -> Enrolled:
    """Ids of faces are a gallery's, so they differ from one `home` to another."""
    created = START + timedelta(microseconds=n)
    words = NewPerson(
        id=f"p{n}",
        name=None if n % 3 == 0 else f"Zoë {n} \u2028 \U0001f600",
        external_id=None if n % 4 == 0 else f"e{n}",
        metadata={"z": n, "a": [1, 1.5, None, True, {"b": {}}], "long": 2**60},
        consent_reference=None if n % 5 == 0 else "form 7",
        expires_at=None if n % 2 == 0 else START + timedelta(days=36_500),
        created_at=created,
    )
    kept = [
        NewFace(
            vector(1000 * n + k, dimension),
            norm=20.0 + k / 3,
            quality=None if k == 1 else 100 / 3,
            detection_score=None if k == 2 else 0.1 + 0.2,
            id=f"{home}-{n}-{k}",
            created_at=created + timedelta(seconds=k),
            crop=b"crop %d" % n if k == 0 and n % 2 else None,
        )
        for k in range(faces)
    ]
    return Enrolled(words, kept)


def part(count: int, bundle: str, dimension: int, home: str = "c") -> Part:
    """Persons `p0` and so on; every fourth has no face, the others one to three."""
    collection = Collection(
        home, "Staff", {"floor": 3}, CollectionSettings(threshold=0.25), bundle, START, 0, 0
    )
    return Part(collection, [person(n, n % 4, dimension, home) for n in range(count)])
