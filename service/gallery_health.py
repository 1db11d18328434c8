"""What is wrong with who is enrolled: odd faces, one person twice, and who is hardly found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from models.calibration import ScoreCalibration
from service.decision import Point
from service.duplicates import fitting
from service.fusion import Vectors, against_the_rest, fused
from service.gallery import Candidate, Person, Sampled
from service.points import calibration, search_point
from service.runtime import Service

WEAK: Final = 50.0  # a person whose best face is poorer has a template that is doubtful
_AT_ONCE: Final = 32  # probes in one search, so that others get their turn
_CANDIDATES: Final = 10


class Outlier(NamedTuple):
    """`closest` is whom a search by the face would name."""

    person: Person
    face: str
    similarity: float
    closest: Candidate | None


class Suspects(NamedTuple):
    """Two persons who may be one, the older one first."""

    first: Person
    second: Person
    similarity: float


class Weak(NamedTuple):
    person: Person
    reason: Literal["no_faces", "low_quality"]
    quality: float | None


@dataclass(frozen=True, slots=True)
class Findings:
    """`point` is where two persons are suspected, `fit` below what a face is an outlier."""

    point: Point
    fit: float
    outliers: list[Outlier]
    duplicates: list[Suspects]
    weak: list[Weak]


def examined(service: Service, collection: str, persons: Sequence[Person]) -> Findings:
    """What is wrong with `persons`, each of them compared with the whole collection.

    Raises Uncalibrated, and what searching raises.
    """
    settings, size = service.gallery.settings(collection), service.gallery.size(collection)
    scores = calibration(service)
    point = search_point(service, settings, settings, size)
    bundle = service.bundle.manifest.id
    sampled = service.gallery.samples.of_each(collection, [each.id for each in persons], bundle)
    kept = [(each, sampled[each.id]) for each in persons if each.id in sampled]
    with_faces = [(person, faces) for person, faces in kept if faces.faces]
    look = _Look(service, collection, point)
    return Findings(
        point,
        fitting(scores),
        list(_outliers(look, with_faces, scores)),
        list(_duplicates(look, with_faces)),
        [weak for person, faces in kept if (weak := _weak(person, faces)) is not None],
    )


class _Look(NamedTuple):
    """A search of the collection."""

    service: Service
    collection: str
    point: Point

    def __call__(self, probes: Vectors) -> list[list[Candidate]]:
        found: list[list[Candidate]] = []
        for first in range(0, len(probes), _AT_ONCE):
            near = self.service.gallery.search(
                self.collection,
                probes[first : first + _AT_ONCE],
                _CANDIDATES,
                least=self.point.threshold,
                bundle=self.service.bundle.manifest.id,
            )
            found += [[c for c in each if c.similarity >= self.point.threshold] for each in near]
        return found


def _outliers(
    look: _Look, persons: Sequence[tuple[Person, Sampled]], scores: ScoreCalibration
) -> Iterator[Outlier]:
    least = fitting(scores)
    for person, faces in persons:
        cosines = against_the_rest(faces.vectors, faces.norms)
        odd = np.flatnonzero(cosines < least)
        for n, near in zip(odd.tolist(), look(faces.vectors[odd]), strict=True):
            others = [each for each in near if each.person.id != person.id]
            closest = others[0] if others else None
            yield Outlier(person, faces.faces[n], float(cosines[n]), closest)


def _duplicates(look: _Look, persons: Sequence[tuple[Person, Sampled]]) -> Iterator[Suspects]:
    """Each pair from the side of its older person, so that no page tells it again."""
    templates = [fused(faces.vectors, faces.norms) for _, faces in persons]
    near = look(np.array(templates, np.float32)) if templates else []
    for (person, _), candidates in zip(persons, near, strict=True):
        for each in candidates:
            if (person.created_at, person.id) < (each.person.created_at, each.person.id):
                yield Suspects(person, each.person, each.similarity)


def _weak(person: Person, faces: Sampled) -> Weak | None:
    if not faces.faces:
        return Weak(person, "no_faces", None)
    known = [quality for quality in faces.qualities if quality is not None]
    if known and max(known) < WEAK:
        return Weak(person, "low_quality", max(known))
    return None
