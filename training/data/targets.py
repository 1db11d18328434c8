"""What the teacher says of every crop and of mixtures of crops, computed once and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.crops import Crops, Image

Teacher = Callable[[Image], NDArray[np.float32]]  # (n, 112, 112, 3) uint8 -> (n, d) unit rows


@dataclass(frozen=True, slots=True)
class Targets:
    """The pool a student learns from: crops, then mixtures of two crops.

    `embeddings` is (n + m, d): the teacher's word for each crop and for each mixture;
    `pairs` (m, 2) names the two crops of a mixture and `shares` (m,) the weight of the first.
    A mixture is a face nobody has, so m of them widen a small data set for the one thing
    distillation needs: inputs on which the teacher has an opinion (arXiv 2106.05237).
    """

    embeddings: NDArray[np.float32]
    pairs: NDArray[np.int64]
    shares: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.embeddings)


def mixture(first: Image, second: Image, share: float) -> Image:
    """`share` of the first crop over the second, uint8."""
    mixed = share * first.astype(np.float32) + (1 - share) * second.astype(np.float32)
    return np.asarray(mixed.round(), dtype=np.uint8)


def ask(  # noqa: PLR0913 - what is asked, of whom, and how it is told
    teacher: Teacher,
    crops: Crops,
    mixtures: int,
    *,
    seed: int,
    progress: Callable[[int], None],
    chunk: int = 64,
) -> Targets:
    """The teacher's embeddings of every crop and of `mixtures` random pairs of them.

    `progress` is called with the number of images done since its last call.
    """
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, len(crops), (mixtures, 2))
    shares = rng.uniform(0.35, 0.65, mixtures).astype(np.float32)
    pool = Targets(np.empty((len(crops) + mixtures, 0), np.float32), pairs, shares)
    answers = []
    for start in range(0, len(pool), chunk):
        indices = range(start, min(start + chunk, len(pool)))
        answers.append(teacher(np.stack([image(crops, pool, index) for index in indices])))
        progress(len(indices))
    return Targets(np.concatenate(answers), pairs, shares)


def image(crops: Crops, targets: Targets, index: int) -> Image:
    """The clean image of pool entry `index`: a crop, or a mixture made on the fly."""
    if index < len(crops):
        crop: Image = crops.images[index]
        return crop
    first, second = targets.pairs[index - len(crops)]
    share = float(targets.shares[index - len(crops)])
    return mixture(crops.images[first], crops.images[second], share)


def save(path: Path, crops: Crops, targets: Targets) -> None:
    """Keeps the pool in one .npz, written whole or not at all."""
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial,
        images=crops.images,
        labels=crops.labels,
        embeddings=targets.embeddings,
        pairs=targets.pairs,
        shares=targets.shares,
    )
    partial.replace(path)


def load(path: Path) -> tuple[Crops, Targets]:
    """The pool `save` wrote."""
    with np.load(path, allow_pickle=False) as kept:
        crops = Crops(kept["images"], kept["labels"])
        return crops, Targets(kept["embeddings"], kept["pairs"], kept["shares"])
