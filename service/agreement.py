"""Whether two models say the same of a gallery: what a change from one to the other would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.gallery import Paired

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of a sample: each face is a probe, against the templates of everybody's other faces.

    `same_best`: share of probes whose best person is the same by both. `decisions_changed`: share
    whose decision is another at each model's own threshold, None where one has none. `rank1_before`
    and `_after`: share of the mated probes, of persons with several faces, who find themselves.
    Correlations are those of all comparisons' scores; None where there are too few to tell.
    """

    probes: int
    mated: int
    persons: int
    same_best: float | None
    decisions_changed: float | None
    rank1_before: float | None
    rank1_after: float | None
    pearson: float | None
    spearman: float | None


class Best(NamedTuple):
    """For each of n probes the most similar person, as a column, and their score."""

    person: NDArray[np.int64]
    score: Scores


def agreement(
    pairs: Paired, before: float | None, after: float | None, *, swapped: bool = False
) -> Agreement:
    """What two models make of the same faces, compared at the thresholds `before` and `after`.

    `swapped`: the model that is searched with is the one after.
    """
    persons, who = np.unique(pairs.persons, return_inverse=True)
    old = scores(pairs.active, pairs.active_norms, who)
    new = scores(pairs.spare, pairs.spare_norms, who)
    if swapped:
        old, new = new, old
    was, is_ = _best(old), _best(new)
    mated = np.bincount(who, minlength=len(persons))[who] > 1 if len(who) else np.zeros(0, bool)
    return Agreement(
        probes=len(who),
        mated=int(mated.sum()),
        persons=len(persons),
        same_best=_share(was.person == is_.person),
        decisions_changed=None
        if before is None or after is None
        else _share(_named(was, before) != _named(is_, after)),
        rank1_before=_share((was.person == who)[mated]),
        rank1_after=_share((is_.person == who)[mated]),
        pearson=_correlation(old, new),
        spearman=_correlation(_ranked(old), _ranked(new)),
    )


def scores(vectors: NDArray[np.float32], norms: Scores, who: NDArray[np.int64]) -> Scores:
    """(n, m) cosines of n faces with the templates of m persons, each without the face itself.

    NaN where the person has no other face. Rows of `vectors` are unit, `who` is each one's person.
    """
    features = vectors * norms[:, None]
    sums = np.zeros((who.max(initial=-1) + 1, vectors.shape[1]))
    np.add.at(sums, who, features)
    lengths = np.maximum(np.linalg.norm(sums, axis=1), 1e-12)
    found: Scores = vectors @ (sums / lengths[:, None]).T
    rest = sums[who] - features
    alone = np.bincount(who, minlength=len(sums))[who] < 2
    own = np.einsum("nd,nd->n", vectors, rest) / np.maximum(np.linalg.norm(rest, axis=1), 1e-12)
    found[np.arange(len(who)), who] = np.where(alone, np.nan, own)
    return found


def _best(found: Scores) -> Best:
    known = np.where(np.isnan(found), -np.inf, found)
    if not known.size:
        return Best(np.zeros(0, np.int64), np.zeros(0))
    return Best(known.argmax(axis=1), known.max(axis=1))


def _named(best: Best, threshold: float) -> NDArray[np.int64]:
    """Whom a search names, -1 for nobody."""
    return np.where(best.score >= threshold, best.person, -1)


def _share(of: NDArray[np.bool_]) -> float | None:
    return round(float(of.mean()), 6) if len(of) else None


def _ranked(found: Scores) -> Scores:
    """Ranks in the place of the scores; equal ones are rare enough not to matter."""
    flat = found.reshape(-1)
    ranks = np.full(flat.shape, np.nan)
    known = np.flatnonzero(~np.isnan(flat))
    ranks[known[np.argsort(flat[known])]] = np.arange(len(known))
    return ranks.reshape(found.shape)


def _correlation(a: Scores, b: Scores) -> float | None:
    known = ~np.isnan(a)
    if known.sum() < 3 or a[known].std() == 0 or b[known].std() == 0:
        return None
    return round(float(np.corrcoef(a[known], b[known])[0, 1]), 6)
