"""Verification on listed pairs of photographs, as LFW does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models import pairs as lists
from models.metrics import fold_accuracy, threshold_at_fmr, tmr_at_fmr
from models.pairs import Pair, PairsUnreadable
from service.photographs import Photograph, PhotographsUnusable, read
from service.pipeline import FaceFeatures, Pipeline

FMRS = (1e-1, 1e-2, 1e-3)
NO_FACE = -1.0  # the similarity of a pair one of whose faces was not found: never a match
Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class PairsReport:
    """Verification on listed pairs. `failures`: photographs in which no face was found."""

    accuracy: float
    accuracy_std: float
    tmr_at_fmr: dict[str, float]
    failures: int
    photographs: int
    pairs: int
    threshold_at_fmr: dict[str, float]


def parse_pairs(path: Path) -> list[Pair]:
    """An LFW `pairs.txt`; raises PhotographsUnusable with the line that cannot be read."""
    try:
        return lists.parse_pairs(path)
    except PairsUnreadable as error:
        raise PhotographsUnusable(str(error)) from error


def photographs(pairs: Sequence[Pair], images: Path) -> list[str]:
    """Every photograph of the pairs once; PhotographsUnusable for the first that is missing."""
    names = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    for name in names:
        if not (images / name).is_file():
            raise PhotographsUnusable(f"{images / name} does not exist.")
    return names


def shown_in(pairs: Path, images: Path) -> list[Photograph]:
    """The photographs that a list of pairs names; their folders say whom they show.

    Raises PhotographsUnusable for a list that cannot be read, or a photograph that is missing.
    """
    names = photographs(parse_pairs(pairs), images)
    return [Photograph(Path(name).parent.name, images / name) for name in names]


async def evaluate_pairs(
    pipeline: Pipeline, images: Path, pairs: Sequence[Pair], progress: Progress
) -> PairsReport:
    """Detects, aligns and embeds every photograph once, then compares the listed pairs."""
    names = photographs(pairs, images)
    faces: dict[str, FaceFeatures | None] = {}
    async for name, face in read(pipeline, names, lambda name: (images / name).read_bytes()):
        faces[name] = face
        progress(1)
    scores = np.array([similarity(faces[pair.first], faces[pair.second]) for pair in pairs])
    same = np.array([pair.same for pair in pairs])
    accuracy = fold_accuracy(scores, same, [pair.fold for pair in pairs])
    genuine, impostor = scores[same], scores[~same]
    return PairsReport(
        accuracy=round(accuracy.mean, 5),
        accuracy_std=round(accuracy.std, 5),
        tmr_at_fmr={f"{r:g}": round(tmr_at_fmr(genuine, impostor, r), 5) for r in FMRS},
        failures=sum(face is None for face in faces.values()),
        photographs=len(names),
        pairs=len(pairs),
        threshold_at_fmr={f"{r:g}": round(threshold_at_fmr(impostor, r), 5) for r in FMRS},
    )


def similarity(first: FaceFeatures | None, second: FaceFeatures | None) -> float:
    if first is None or second is None:
        return NO_FACE
    return float(first.embedding @ second.embedding)
