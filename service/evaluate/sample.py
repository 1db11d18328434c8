"""The faces an evaluation stands on: everybody once as photographed, once degraded."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.photographs import Photograph, PhotographsUnusable, degraded_mix, read
from service.pipeline import FaceFeatures, Pipeline

Progress = Callable[[int], object]
Groups = dict[str, dict[str, str]]  # column -> person -> group


@dataclass(frozen=True, slots=True)
class Faces:
    """Found faces: `person` (n,) numbers from 0, `image` (n,) the index of the photograph.

    `embedding` (n, d) unit float32; `norm`, `quality` (0 to 100, NaN where the bundle gives none),
    `sharpness` (0 to 1) and `size` (pixels, the root of the box's area) are (n,).
    """

    person: NDArray[np.int64]
    image: NDArray[np.int64]
    embedding: NDArray[np.float32]
    norm: NDArray[np.float64]
    quality: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    size: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.person)

    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The indices of both faces of every genuine pair."""
        order = np.argsort(self.person, kind="stable")
        edges = np.flatnonzero(np.diff(self.person[order])) + 1
        blocks = [np.triu_indices(len(block), 1) for block in np.split(order, edges)]
        starts = [0, *edges.tolist()]
        first = np.concatenate([a + start for (a, _), start in zip(blocks, starts, strict=True)])
        second = np.concatenate([b + start for (_, b), start in zip(blocks, starts, strict=True)])
        return order[first], order[second]


@dataclass(frozen=True, slots=True)
class Sample:
    """`names` of the persons that numbers stand for; `kinds` and `levels` (photographs,) say how
    each photograph was degraded for `worse`.
    """

    names: tuple[str, ...]
    photographs: int
    clean: Faces
    worse: Faces
    kinds: tuple[str, ...]
    levels: NDArray[np.float64]

    @property
    def failures(self) -> int:
        """Photographs in which no face was found."""
        return self.photographs - len(self.clean)


async def read_sample(
    pipeline: Pipeline, photographs: Sequence[Photograph], progress: Progress
) -> Sample:
    """Reads every photograph as it is, and with a random degradation at a random level."""
    names = sorted({photograph.person for photograph in photographs})
    numbers = {name: number for number, name in enumerate(names)}
    person = [numbers[photograph.person] for photograph in photographs]
    mix = degraded_mix([photograph.path for photograph in photographs])
    clean = await _faces(pipeline, person, [p.path.read_bytes for p in photographs], progress)
    worse = await _faces(pipeline, person, [item.body for item in mix], progress)
    return Sample(
        tuple(names),
        len(photographs),
        clean,
        worse,
        tuple(item.kind for item in mix),
        np.array([item.level for item in mix]),
    )


async def _faces(
    pipeline: Pipeline,
    person: Sequence[int],
    bodies: Sequence[Callable[[], bytes]],
    progress: Progress,
) -> Faces:
    found: list[tuple[int, FaceFeatures]] = []
    async for index, face in read(pipeline, range(len(bodies)), lambda index: bodies[index]()):
        progress(1)
        if face is not None:
            found.append((index, face))
    if not found:
        raise PhotographsUnusable("No face was found in any photograph.")
    image = np.array([index for index, _ in found], np.int64)
    faces = [face for _, face in found]
    return Faces(
        person=np.asarray(person, np.int64)[image],
        image=image,
        embedding=np.stack([face.embedding for face in faces]),
        norm=np.array([face.quality.norm for face in faces]),
        quality=np.array([_number(face.quality.score) for face in faces]),
        sharpness=np.array([face.quality.components.sharpness for face in faces]),
        size=np.array([_size(face) for face in faces]),
    )


def _number(score: float | None) -> float:
    return float("nan") if score is None else score


def _size(face: FaceFeatures) -> float:
    return float("nan") if face.detection is None else float(np.sqrt(face.detection.area))


def read_groups(path: Path) -> Groups:
    """A CSV whose first column names persons (their folders), each other one a division of them.

    Raises PhotographsUnusable with the line that cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise PhotographsUnusable(f"{path} is no CSV file with a header: {error}.") from error
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise PhotographsUnusable(
                f"{path}, row {number}: {len(row)} values for {len(header)} columns."
            )
    if len(header) < 2:
        raise PhotographsUnusable(
            f"{path} names no group: its first column names persons, the others their groups."
        )
    return {name: {row[0]: row[1 + n] for row in rows} for n, name in enumerate(header[1:])}
