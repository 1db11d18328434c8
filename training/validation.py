"""How far a network is, on people it is not trained on: pair accuracy, and whether blur shortens the norm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.degradation import blur
from models.metrics import fold_accuracy, spearman, tmr_at_fmr
from training.backbones import Backbone
from training.data.source import CorruptRecord, Example, Source
from training.run import pixels

MOST = 8000  # pictures kept in memory: 300 MB
BLURRED, LEVELS = 100, (0.0, 0.25, 0.5, 0.75, 1.0)
FOLDS = 10


@dataclass(frozen=True, slots=True)
class Held:
    """Held-out crops (n, 112, 112, 3) uint8 RGB, whose person (n,), and the pairs (p, 2) to compare."""

    crops: NDArray[np.uint8]
    persons: NDArray[np.int64]
    pairs: NDArray[np.int64]

    @property
    def same(self) -> NDArray[np.bool_]:
        first, second = self.pairs.T
        return np.asarray(self.persons[first] == self.persons[second])


def hold(source: Source, pairs: int, seed: int) -> Held:
    """The first pictures of `source`, up to 8,000, and `pairs` random pairs of them, half genuine.

    Raises ValueError where no person has two readable pictures, or there is only one person.
    """
    read = [_read(source, index) for index in range(min(len(source), MOST))]
    examples = [example for example in read if example is not None]
    persons = np.array([example.label for example in examples], dtype=np.int64)
    random = np.random.default_rng(seed)
    genuine, impostor = _genuine(persons, random), _impostor(persons, random, pairs // 2)
    if not len(genuine) or not len(impostor):
        raise ValueError("Validation needs two people, and two readable pictures of one of them.")
    chosen = genuine[random.permutation(len(genuine))[: pairs // 2]]
    # Each fold gets as many of either kind, as LFW's do: they are dealt out in turn.
    count = min(len(chosen), len(impostor)) // FOLDS * FOLDS or min(len(chosen), len(impostor))
    dealt = np.stack([chosen[:count], impostor[:count]], axis=1).reshape(-1, 2)
    return Held(np.stack([example.image for example in examples]), persons, dealt)


def _read(source: Source, index: int) -> Example | None:
    try:
        return source.read(index)
    except CorruptRecord:
        return None


def _genuine(persons: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Each picture with another of the same person, chosen at random."""
    order = np.lexsort((random.random(len(persons)), persons))
    same = persons[order[:-1]] == persons[order[1:]]
    return np.stack([order[:-1][same], order[1:][same]], axis=1).astype(np.int64)


def _impostor(
    persons: NDArray[np.int64], random: np.random.Generator, count: int
) -> NDArray[np.int64]:
    drawn = random.integers(0, len(persons), (4 * count, 2))
    different = persons[drawn[:, 0]] != persons[drawn[:, 1]]
    return np.asarray(drawn[different][:count], dtype=np.int64)


@torch.inference_mode()
def features(backbone: Backbone, crops: NDArray[np.uint8], batch: int = 128) -> NDArray[np.float32]:
    """(n, 112, 112, 3) uint8 RGB -> (n, embedding) raw features in eval mode; the mode is put back."""
    device = next(backbone.parameters()).device
    training = backbone.training
    backbone.eval()
    parts = [
        backbone(pixels(torch.from_numpy(crops[start : start + batch]).to(device))).cpu().numpy()
        for start in range(0, len(crops), batch)
    ]
    backbone.train(training)
    return np.concatenate(parts)


def measure(backbone: Backbone, held: Held) -> dict[str, float]:
    """`accuracy` (10-fold, mean), `tmr_at_fmr_0.01` and `blur_spearman`, the norm's with blur's level."""
    vectors = features(backbone, held.crops)
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    first, second = held.pairs.T
    scores, same = (units[first] * units[second]).sum(axis=1), held.same
    folds = np.arange(len(scores)) * FOLDS // len(scores)
    return {
        "accuracy": fold_accuracy(scores, same, folds.tolist()).mean,
        "tmr_at_fmr_0.01": tmr_at_fmr(scores[same], scores[~same], 0.01),
        "blur_spearman": _blur_correlation(backbone, held),
    }


def _blur_correlation(backbone: Backbone, held: Held) -> float:
    chosen = held.crops[:: max(1, len(held.crops) // BLURRED)][:BLURRED]
    random = np.random.default_rng(0)  # blur draws nothing; the signature is shared
    blurred = np.stack([blur(crop, level, random) for level in LEVELS for crop in chosen])
    norms = np.linalg.norm(features(backbone, blurred), axis=1)
    return spearman(np.repeat(LEVELS, len(chosen)), norms)
