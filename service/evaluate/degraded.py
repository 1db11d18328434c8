"""Whether quality falls as photographs get worse, on listed pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.degradation import DEGRADATIONS
from models.metrics import edc, threshold_at_fmr
from models.pairs import Pair
from models.quality import falls_with
from service.evaluate.pairs import Progress, photographs, similarity
from service.photographs import Degraded, degraded_mix, read
from service.pipeline import FaceFeatures, Pipeline

LEVELS = tuple(np.linspace(0, 1, 6))
DISCARDS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)


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
    mixed = degraded_mix([images / name for pair in pairs for name in (pair.first, pair.second)])
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
    scores = np.array([similarity(a, b) for _, a, b in sides])
    quality = np.array([min(_score(a), _score(b)) for _, a, b in sides])
    same = np.array([pair.same for pair in pairs])
    cut = threshold_at_fmr(scores[~same], 1e-2)
    return edc(scores[same], quality[same], cut, DISCARDS)


def _score(face: FaceFeatures | None) -> float:
    return -1.0 if face is None or face.quality.score is None else face.quality.score
