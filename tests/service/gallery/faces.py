"""Faces to enroll: directions that a seed or four numbers give, and their galleries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.gallery.local import LocalGallery
from service.gallery.protocol import NewFace, NewPerson

DIMENSION: Final = 16
BUNDLE: Final = "starter@1"


def opened(directory: Path, bundle: str = BUNDLE) -> LocalGallery:
    return LocalGallery.open(directory, bundle=bundle, dimension=DIMENSION)


def direction(seed: int) -> NDArray[np.float32]:
    """The (16,) unit vector of a seed; those of two seeds are hardly alike."""
    drawn = np.random.default_rng(seed).normal(size=DIMENSION)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def face(vector: NDArray[np.float32], norm: float = 20.0) -> NewFace:
    return NewFace(vector, norm=norm, quality=70.0, detection_score=0.9)


def enrolled(gallery: LocalGallery, person: str, seed: int, collection: str = "default") -> str:
    """Creates the person with the face of the seed; the face's id."""
    gallery.create_person(collection, NewPerson(id=person, name=f"Name of {person}"))
    return gallery.enroll(collection, person, [face(direction(seed))])[0].id


def found(
    gallery: LocalGallery, vector: NDArray[np.float32], limit: int = 10, collection: str = "default"
) -> list[str]:
    """The ids of the persons found, best first."""
    [candidates] = gallery.search(collection, vector[np.newaxis], limit)
    return [candidate.person.id for candidate in candidates]
