"""1:N search: ranks, FNIR and FPIR (ISO/IEC 19795-1, NISTIR 8271)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.metrics import threshold_at_fmr

Vectors = NDArray[np.float32]
Persons = NDArray[np.integer]
CELLS = 2**24  # similarities held at once: 64 MiB of float32


class Searches(NamedTuple):
    """What (p,) probes found in a gallery.

    `ahead` counts the gallery entries of other persons at least as similar as the best mate, so
    0 is rank 1 and a tie counts against the probe; -1 where the gallery holds no mate.
    `mate` is the best mate's similarity (-inf without one), `other` the best of other persons.
    """

    ahead: NDArray[np.int64]
    mate: NDArray[np.float32]
    other: NDArray[np.float32]

    @property
    def mated(self) -> NDArray[np.bool_]:
        return self.ahead >= 0


def search(
    probes: Vectors, persons: Persons, gallery: Vectors, gallery_persons: Persons
) -> Searches:
    """Compares every probe (p, d) with every gallery entry (g, d), unit rows, a block at a time.

    A person may have several gallery entries; `persons` (p,) and `gallery_persons` (g,) tell.
    Memory beyond the arguments stays near 200 MB whatever p and g are.
    """
    rows = max(1, CELLS // max(1, len(gallery)))
    blocks = [
        _block(probes[i : i + rows], persons[i : i + rows], gallery, gallery_persons)
        for i in range(0, len(probes), rows)
    ]
    if not blocks:
        return Searches(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32))
    return Searches(*(np.concatenate(part) for part in zip(*blocks, strict=True)))


def _block(probes: Vectors, persons: Persons, gallery: Vectors, owners: Persons) -> Searches:
    similarity = probes @ gallery.T
    mates = persons[:, None] == owners[None, :]
    mate = np.where(mates, similarity, -np.inf).max(axis=1, initial=-np.inf)
    similarity[mates] = -np.inf
    ahead = np.count_nonzero(similarity >= mate[:, None], axis=1) - np.where(
        np.isneginf(mate), similarity.shape[1] + 1, 0
    )
    other = similarity.max(axis=1, initial=-np.inf)
    return Searches(ahead.astype(np.int64), mate.astype(np.float32), other.astype(np.float32))


def rank_rate(searches: Searches, rank: int) -> float:
    """Closed set: share of mated probes with a mate among the first `rank` candidates."""
    ahead = searches.ahead[searches.mated]
    return float((ahead < rank).mean())


def fpir_at(searches: Searches, threshold: float) -> float:
    """Share of non-mated probes with a candidate at or above `threshold`."""
    strangers = searches.other[~searches.mated].astype(np.float64)
    return float((strangers >= threshold).mean())


def fnir_at(searches: Searches, threshold: float, *, rank: int | None = None) -> float:
    """Share of mated probes whose mate is not found at or above `threshold`.

    With `rank` the mate must also be among the first `rank` candidates: FNIR(N, R, T) of NIST.
    """
    mated = searches.mated
    found = searches.mate[mated].astype(np.float64) >= threshold
    if rank is not None:
        found &= searches.ahead[mated] < rank
    return float(1 - found.mean())


def threshold_at_fpir(searches: Searches, fpir: float) -> float:
    """The smallest similarity that at most `fpir` of the non-mated probes reach."""
    return threshold_at_fmr(searches.other[~searches.mated], fpir)


def tpir_at_fpir(searches: Searches, fpir: float, *, rank: int | None = None) -> float:
    """1 - FNIR at the threshold that keeps FPIR at or below `fpir`, by the non-mated probes."""
    return 1 - fnir_at(searches, threshold_at_fpir(searches, fpir), rank=rank)
