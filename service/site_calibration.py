"""Calibrations on the people of a collection, kept beside the bundle's own and never in its place.

A file holds rates and similarities, nobody's face or name but the collection's id.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from models.calibration import CalibrationRefused, ScoreCalibration, calibrate_scores
from service.errors import CalibrationImpossible, CalibrationNotFound, Overloaded, StorageFull
from service.fusion import Norms, Vectors
from service.gallery import Collection, Sampled
from service.runtime import Service

FACES: Final = 3000  # compared with each other: 4.5 million pairs, which take 10 s and 0.15 GB
_SECONDS: Final = 10.0
EACH: Final = 10  # faces of a person, so that nobody decides alone what genuine pairs are like
SAME: Final = 0.9999  # faces of a person more alike than that are one photograph twice


class SiteCalibration(BaseModel):
    """What was measured on a collection, and on what of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: str
    collection_created_at: datetime
    bundle: str
    created_at: datetime
    persons: int
    faces: int
    score: ScoreCalibration


_TURN: Final = Lock()  # one at a time, so that searches keep the other cores


@dataclass(frozen=True, slots=True)
class SiteCalibrations:
    """Those of all collections, in a directory of the data directory."""

    data_dir: Path

    def current(self, collection: Collection) -> SiteCalibration:
        """The collection's, if there is one by the model that it is searched with.

        Raises CalibrationNotFound, also for one of an earlier collection of the same id.
        """
        try:
            kept = SiteCalibration.model_validate_json(self._path(collection.id).read_bytes())
        except (OSError, ValidationError) as error:
            raise _missing(collection) from error
        if (kept.collection_created_at, kept.bundle) != (collection.created_at, collection.bundle):
            raise _missing(collection)
        return kept

    def keep(self, made: SiteCalibration) -> None:
        """Whole or not at all. Raises StorageFull where it cannot be written."""
        path = self._path(made.collection)
        partial = path.with_suffix(".partial")
        try:
            path.parent.mkdir(exist_ok=True)
            with partial.open("wb") as file:
                file.write(made.model_dump_json(indent=1).encode())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            raise StorageFull(f"The calibration cannot be written: {error.strerror}.") from error

    def remove(self, collection: str) -> None:
        with suppress(FileNotFoundError):
            self._path(collection).unlink()

    def _path(self, collection: str) -> Path:
        name = hashlib.sha256(collection.encode()).hexdigest()[:32]
        return self.data_dir / "calibrations" / f"{name}.json"


def calibrated(service: Service, collection: Collection) -> SiteCalibration:
    """Compares faces of people drawn from the collection with each other; takes seconds.

    Raises CalibrationImpossible for fewer than 20 people, or nobody with two photographs, and
    Overloaded while another collection is calibrated.
    """
    if not _TURN.acquire(blocking=False):
        raise Overloaded(_SECONDS)
    try:
        return _measured(service, collection)
    finally:
        _TURN.release()


def _measured(service: Service, collection: Collection) -> SiteCalibration:
    drawn = service.gallery.samples.drawn(collection.id, FACES, EACH)
    if not drawn:
        raise CalibrationImpossible(f"Nobody is enrolled in {collection.id!r}.")
    distinct = [_distinct(each) for each in drawn]
    persons = np.repeat(np.arange(len(drawn)), [len(each) for each, _ in distinct])
    vectors, norms = (np.concatenate(each) for each in zip(*distinct, strict=True))
    data = f"{len(drawn)} persons of the collection {collection.id}, {len(persons)} faces"
    try:
        score = calibrate_scores(vectors, persons, norms, data=data)
    except CalibrationRefused as error:
        raise CalibrationImpossible(str(error)) from error
    return SiteCalibration(
        collection=collection.id,
        collection_created_at=collection.created_at,
        bundle=collection.bundle,
        created_at=datetime.now(UTC),
        persons=len(drawn),
        faces=len(persons),
        score=score,
    )


def _distinct(person: Sampled) -> tuple[Vectors, Norms]:
    """A person's faces without those that are another of theirs once more."""
    alike = np.triu(person.vectors @ person.vectors.T, k=1) > SAME
    first = ~alike.any(axis=0)
    return person.vectors[first], person.norms[first]


def _missing(collection: Collection) -> CalibrationNotFound:
    return CalibrationNotFound(
        f"The collection {collection.id!r} has no calibration of its own by {collection.bundle!r};"
        " make one with POST …/calibration, or ask for calibration=shipped."
    )
