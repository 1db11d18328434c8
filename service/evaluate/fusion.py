"""Templates of several bad photographs: weighted by the norm, averaged, or the best one alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metrics import fnmr_at, threshold_at_fmr
from service.evaluate.sample import Faces

FEWEST = 3  # images of a person: two in the template, and a probe
SIZES = (2, 3, 4, 6, 10)  # most images in one template
FMR = 1e-3
REPLICATES = 300
RULES = ("norm_weighted", "mean", "max")


@dataclass(frozen=True, slots=True)
class FusionRule:
    """FNMR at the threshold where this rule's own FMR is 1e-3, with its interval by person.

    `above_norm` is the interval of this FNMR minus that of the weighted rule. The threshold is
    not drawn anew, so intervals are a little too short.
    """

    rule: str
    fnmr: float
    lower: float
    upper: float
    above_norm: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Fusion:
    """Each degraded photograph against the template of up to `images` others of the person."""

    images: int
    persons: int
    probes: int
    impostors: int
    fmr: float
    rules: list[FusionRule]


def evaluate_fusion(worse: Faces, *, replicates: int = REPLICATES) -> list[Fusion]:
    """At every size of template; none where fewer than 20 persons have three photographs."""
    counts = np.bincount(worse.person)
    people = np.flatnonzero(counts >= FEWEST)
    if len(people) < 20:
        return []
    return [_fusion(worse, people, most, replicates) for most in SIZES]


def _fusion(worse: Faces, people: NDArray[np.intp], most: int, replicates: int) -> Fusion:
    images = [np.flatnonzero(worse.person == person)[: most + 1] for person in people]
    genuine, impostor = _scores(worse, images)
    owner = np.repeat(np.arange(len(images)), [len(each) for each in images])
    cuts = {rule: threshold_at_fmr(scores, FMR) for rule, scores in impostor.items()}
    fails = {rule: (genuine[rule] < cuts[rule]).astype(np.float64) for rule in RULES}
    rates = _resampled(fails, owner, replicates)
    rules = [_rule(rule, genuine[rule], cuts[rule], rates) for rule in RULES]
    return Fusion(most, len(people), len(owner), len(impostor["max"]), FMR, rules)


def _scores(
    worse: Faces, images: list[NDArray[np.intp]]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """By rule: each probe with the template of the person's other images, and with strangers'."""
    probes = worse.embedding[np.concatenate(images)]
    owner = np.repeat(np.arange(len(images)), [len(each) for each in images])
    genuine: dict[str, list[float]] = {rule: [] for rule in RULES}
    impostor: dict[str, list[NDArray[np.float32]]] = {rule: [] for rule in RULES}
    for number, mine in enumerate(images):
        for probe in mine:
            rest = mine[mine != probe]
            for rule, score in _compared(worse, worse.embedding[[probe]], rest).items():
                genuine[rule].append(float(score[0]))
        # Strangers meet a template of as many images as the mates do.
        for rule, score in _compared(worse, probes[owner != number], mine[1:]).items():
            impostor[rule].append(score)
    return (
        {rule: np.array(values) for rule, values in genuine.items()},
        {rule: np.concatenate(values).astype(np.float64) for rule, values in impostor.items()},
    )


def _compared(
    worse: Faces, probes: NDArray[np.float32], images: NDArray[np.intp]
) -> dict[str, NDArray[np.float32]]:
    vectors, norms = worse.embedding[images], worse.norm[images].astype(np.float32)
    singles = probes @ vectors.T
    weighted, plain = norms @ vectors, vectors.sum(axis=0)
    return {
        "norm_weighted": probes @ (weighted / max(float(np.linalg.norm(weighted)), 1e-12)),
        "mean": probes @ (plain / max(float(np.linalg.norm(plain)), 1e-12)),
        "max": singles.max(axis=1),
    }


def _resampled(
    fails: dict[str, NDArray[np.float64]], owner: NDArray[np.intp], replicates: int
) -> dict[str, NDArray[np.float64]]:
    """FNMR of people drawn with replacement, the same people for every rule."""
    people = int(owner.max()) + 1
    drawn = np.random.default_rng(0).integers(0, people, (replicates, people))
    trials = np.bincount(owner).astype(np.float64)
    sums = {rule: np.bincount(owner, wrong) for rule, wrong in fails.items()}
    return {
        rule: np.asarray(total[drawn].sum(axis=1) / trials[drawn].sum(axis=1), np.float64)
        for rule, total in sums.items()
    }


def _rule(
    rule: str, genuine: NDArray[np.float64], cut: float, rates: dict[str, NDArray[np.float64]]
) -> FusionRule:
    lower, upper = np.percentile(rates[rule], [2.5, 97.5])
    less, more = np.percentile(rates[rule] - rates["norm_weighted"], [2.5, 97.5])
    weighted = rule == "norm_weighted"
    return FusionRule(
        rule=rule,
        fnmr=round(fnmr_at(genuine, cut), 5),
        lower=round(float(lower), 5),
        upper=round(float(upper), 5),
        above_norm=None if weighted else (round(float(less), 5), round(float(more), 5)),
    )
