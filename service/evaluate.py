"""Measures a bundle the way it is used: whole photographs through the real pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models import pairs as lists
from models.degradation import DEGRADATIONS
from models.metrics import edc, fold_accuracy, threshold_at_fmr, tmr_at_fmr
from models.pairs import Pair, PairsUnreadable
from models.quality import falls_with
from service.photographs import Degraded, PhotographsUnusable, read
from service.pipeline import FaceFeatures, Pipeline

FMRS = (1e-1, 1e-2, 1e-3)
LEVELS = tuple(np.linspace(0, 1, 6))
DISCARDS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
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


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Whether quality falls with degradation, and what discarding the worst pairs buys.

    `spearman` is over all photographs and levels together, `spearman_per_photograph` the mean of
    those within one photograph's versions: the first also asks that photographs, which are not
    equally good to begin with, can be compared with each other. `edc` gives, for each discarded
    share, the FNMR at the threshold of FMR 1e-2.
    """

    spearman: dict[str, float]
    spearman_per_photograph: dict[str, float]
    edc: dict[str, float]
    fnmr_reduction_at_20: float
    photographs: int
    failures: int


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


async def evaluate_pairs(
    pipeline: Pipeline, images: Path, pairs: Sequence[Pair], progress: Progress
) -> PairsReport:
    """Detects, aligns and embeds every photograph once, then compares the listed pairs."""
    names = photographs(pairs, images)
    faces: dict[str, FaceFeatures | None] = {}
    async for name, face in read(pipeline, names, lambda name: (images / name).read_bytes()):
        faces[name] = face
        progress(1)
    scores = np.array([_similarity(faces[pair.first], faces[pair.second]) for pair in pairs])
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


def _similarity(first: FaceFeatures | None, second: FaceFeatures | None) -> float:
    if first is None or second is None:
        return NO_FACE
    return float(first.embedding @ second.embedding)


async def evaluate_quality(
    pipeline: Pipeline,
    images: Path,
    pairs: Sequence[Pair],
    progress: Progress,
    *,
    most: int = 300,
) -> QualityReport:
    """Degrades whole photographs in four ways and asks the service what it thinks of them.

    `most` photographs give the correlations, every genuine pair the error-versus-discard curve.
    """
    names = photographs(pairs, images)
    chosen = names[:: max(1, len(names) // most)][:most]
    swept = [
        Degraded(images / name, kind, float(level))
        for name in chosen
        for kind in DEGRADATIONS
        for level in LEVELS
    ]
    mixed = _mix([images / name for pair in pairs for name in (pair.first, pair.second)])
    found: dict[Degraded, FaceFeatures | None] = {}
    async for item, face in read(pipeline, swept + mixed, Degraded.body):
        found[item] = face
        progress(1)
    curve = _discard_curve(pairs, [found[item] for item in mixed])
    return QualityReport(
        spearman={kind: round(_correlation(found, swept, kind), 4) for kind in DEGRADATIONS},
        spearman_per_photograph={
            kind: round(_mean_correlation(found, swept, kind), 4) for kind in DEGRADATIONS
        },
        edc={f"{share:g}": round(fnmr, 5) for share, fnmr in zip(DISCARDS, curve, strict=True)},
        fnmr_reduction_at_20=round(1 - curve[DISCARDS.index(0.2)] / max(curve[0], 1e-9), 4),
        photographs=len(chosen),
        failures=sum(face is None for face in found.values()),
    )


def count_degraded(pairs: Sequence[Pair], *, most: int = 300) -> int:
    """How many images `evaluate_quality` will read."""
    names = {name for pair in pairs for name in (pair.first, pair.second)}
    return min(most, len(names)) * len(DEGRADATIONS) * len(LEVELS) + 2 * len(pairs)


def _mix(paths: Sequence[Path]) -> list[Degraded]:
    """A random degradation at a random level for each, the same at every run."""
    random = np.random.default_rng(0)
    kinds = list(DEGRADATIONS)
    return [
        Degraded(path, kinds[random.integers(len(kinds))], float(random.uniform()), seed=1 + n)
        for n, path in enumerate(paths)
    ]


def _correlation(
    found: dict[Degraded, FaceFeatures | None], swept: Sequence[Degraded], kind: str
) -> float:
    """Spearman of score with level among `swept`; a face not found is the worst quality."""
    levels, scores = [], []
    for item in swept:
        if item.kind == kind:
            levels.append(item.level)
            scores.append(max(0.0, _score(found[item])))
    return falls_with(np.array(levels), np.array(scores))


def _mean_correlation(
    found: dict[Degraded, FaceFeatures | None], swept: Sequence[Degraded], kind: str
) -> float:
    """The mean over photographs of the correlation among one photograph's versions."""
    versions: dict[Path, list[Degraded]] = {}
    for item in swept:
        versions.setdefault(item.path, []).append(item)
    return float(np.mean([_correlation(found, items, kind) for items in versions.values()]))


def _discard_curve(pairs: Sequence[Pair], faces: Sequence[FaceFeatures | None]) -> list[float]:
    """FNMR of the genuine pairs after each discard, at the threshold of FMR 1e-2."""
    sides = list(zip(pairs, faces[::2], faces[1::2], strict=True))
    scores = np.array([_similarity(a, b) for _, a, b in sides])
    quality = np.array([min(_score(a), _score(b)) for _, a, b in sides])
    same = np.array([pair.same for pair in pairs])
    cut = threshold_at_fmr(scores[~same], 1e-2)
    return edc(scores[same], quality[same], cut, DISCARDS)


def _score(face: FaceFeatures | None) -> float:
    return -1.0 if face is None or face.quality.score is None else face.quality.score
