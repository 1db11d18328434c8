"""Before faces are enrolled: whether they are of one person, and of nobody else who is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np

from models.calibration import ScoreCalibration
from service.decision import Point
from service.errors import DuplicatePerson, IdentityConflict
from service.fusion import Norms, Vectors, against_the_rest, fused
from service.gallery import Candidate, Person, Sampled
from service.points import search_point
from service.runtime import Service
from service.telemetry import stage

# A face fits a person unless one stranger in ten would be as much like them: that finds nine of ten
# photographs of somebody else, and asks about three of a hundred of the right person's.
FITTING_FMR: Final = 0.1
_CANDIDATES: Final = 5


class Newcomers(NamedTuple):
    """The n faces that are to be enrolled as one person."""

    collection: str
    person: str
    bundle: str  # that the vectors are of
    vectors: Vectors  # (n, d), unit
    norms: Norms  # (n,)
    images: tuple[int, ...]  # the position of each among the images sent


class Underway:
    """Who is being enrolled just now: in no index yet, and to be compared with all the same.

    Thread-safe: whoever enters does so in the thread that searches and commits, which goes on to its
    end when a client leaves.
    """

    def __init__(self) -> None:
        self._lock, self._now = Lock(), list[Newcomers]()

    def others(self, new: Newcomers) -> list[Newcomers]:
        """Those who are being enrolled into the collection as somebody else."""
        with self._lock:
            return self._others(new)

    @contextmanager
    def entered(self, new: Newcomers) -> Iterator[list[Newcomers]]:
        """Until it is left, others see these; gives those of others who came before.

        Two requests that enroll the same face as two persons thus cannot miss each other: whoever
        enters later sees the earlier here, or finds them by a search.
        """
        with self._lock:
            before = self._others(new)
            self._now.append(new)
        try:
            yield before
        finally:
            with self._lock:
                self._now = [each for each in self._now if each is not new]

    def _others(self, new: Newcomers) -> list[Newcomers]:
        return [
            each
            for each in self._now
            if (each.collection, each.bundle) == (new.collection, new.bundle)
            and each.person != new.person
        ]


def check_identity(scores: ScoreCalibration | None, new: Newcomers, own: Sampled) -> None:
    """Raises IdentityConflict for faces unlike the others and those the person has.

    Without a calibration nobody knows what is unlike.
    """
    if scores is None or len(new.vectors) + len(own.vectors) < 2:
        return
    vectors = np.concatenate([new.vectors, own.vectors]) if len(own.vectors) else new.vectors
    cosines = against_the_rest(vectors, np.concatenate([new.norms, own.norms]))[: len(new.vectors)]
    least = fitting(scores)
    if not (cosines < least).any():
        return
    odd = [
        {"index": index, "similarity": round(float(cosine), 6)}
        for index, cosine in zip(new.images, cosines, strict=True)
        if cosine < least
    ]
    error = IdentityConflict(
        f"{len(odd)} of the images (see images) show a face that is not like the person's others; "
        "send photographs of one person, or pass allow_conflict=true if they are."
    )
    error.extra = {"images": odd, "threshold": round(least, 6)}
    raise error


def fitting(scores: ScoreCalibration) -> float:
    """The similarity to a person's other faces below which a face does not fit them."""
    return scores.threshold(min(FITTING_FMR, scores.thresholds[0].fmr))


def check_duplicates(
    service: Service, new: Newcomers, own: Sampled, before: Sequence[Newcomers], *, mixed: bool
) -> None:
    """Raises DuplicatePerson where somebody else of the collection is the same, as searches decide.

    Whoever is less like the faces than their own person is no duplicate. With `mixed` faces, of
    perhaps several people, each is looked for. Without a calibration or a threshold of the
    collection's nobody is. Raises IndexBuilding.
    """
    if (point := _point(service, new.collection)) is None:
        return
    probes = new.vectors if mixed else fused(new.vectors, new.norms)[np.newaxis]
    with stage("search"):
        near = service.gallery.search(
            new.collection,
            probes,
            _CANDIDATES,
            least=point.threshold,
            bundle=service.bundle.manifest.id,
        )
    alike = _likeness(probes, own)
    found = [
        _told(each.person, each.similarity)
        for candidates, least in zip(near, alike, strict=True)
        for each in candidates
        if _is_other(each, new.person, max(point.threshold, least))
    ]
    found += _among(probes, alike, point, before)
    if found:
        raise _duplicate(found)


def _point(service: Service, collection: str) -> Point | None:
    """Where a search of the collection decides; None where nobody knows."""
    settings = service.gallery.settings(collection)
    if service.bundle.manifest.score is None and settings.threshold is None:
        return None
    return search_point(service, settings, settings, service.gallery.size(collection))


def _likeness(probes: Vectors, own: Sampled) -> list[float]:
    """How much like the person's present faces each probe is."""
    if not len(own.vectors):
        return [-1.0] * len(probes)
    cosines: list[float] = (probes @ fused(own.vectors, own.norms)).tolist()
    return cosines


def _is_other(found: Candidate, person: str, least: float) -> bool:
    return found.person.id != person and found.similarity >= least


def _among(
    probes: Vectors, alike: Sequence[float], point: Point, before: Sequence[Newcomers]
) -> list[dict[str, Any]]:
    """Those who are being enrolled and are the same."""
    found = []
    for each in before:
        cosines = probes @ fused(each.vectors, each.norms)
        if (cosines >= np.maximum(alike, point.threshold)).any():
            similarity = round(float(cosines.max()), 6)
            found.append({"person": {"id": each.person}, "similarity": similarity})
    return found


def _told(person: Person, similarity: float) -> dict[str, Any]:
    words = {"id": person.id, "name": person.name, "external_id": person.external_id}
    return {"person": words, "similarity": round(similarity, 6)}


def _duplicate(found: Sequence[dict[str, Any]]) -> DuplicatePerson:
    best = {each["person"]["id"]: each for each in sorted(found, key=lambda e: e["similarity"])}
    error = DuplicatePerson(
        f"The faces match {', '.join(sorted(best))} of the collection: enroll them there, or pass "
        "allow_duplicate=true if it is somebody else."
    )
    error.extra = {"candidates": sorted(best.values(), key=lambda each: -each["similarity"])}
    return error
