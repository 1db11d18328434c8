"""Latency and goodput against offered load, and what an overload does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from tests.bench.load import Load, Outcome, run
from tests.bench.plan import Plan
from tests.bench.samples import KEEP_NAN, OK, REFUSED, Percentiles, Sample, rate, stage_medians
from tests.bench.workload import Photograph

OVERLOAD = 10.0  # times the capacity
CALM = 0.3


class Point(BaseModel):
    """One load. Rates are a second, times milliseconds; `refusal` counts from the connection.

    `late` is how far behind its own plan the generator was, `generator` the share of one core
    that it took.
    """

    model_config = KEEP_NAN

    share: float
    offered: float
    goodput: float
    latency: Percentiles
    answered: int
    refused: int
    refusal: Percentiles
    without_retry_after: int
    others: dict[int, int]
    stages: dict[str, float]
    livez: Percentiles
    late: float
    generator: float


class Overload(BaseModel):
    """The point at ten times the capacity, and the seconds after it until all was as usual."""

    point: Point
    recovery: float


def point(share: float, offered: float, outcome: Outcome, window: tuple[float, float]) -> Point:
    """The figures of what was due in `window`, seconds from the start."""
    start, end = window
    within = [sample for sample in outcome.samples if start <= sample.due < end]
    good = [sample for sample in within if sample.status == OK]
    refused = [sample for sample in within if sample.status == REFUSED]
    others = Counter(s.status for s in within if s.status not in (OK, REFUSED))
    probes = [probe for probe in outcome.probes if probe.due < end]
    last = max((sample.ended for sample in outcome.samples), default=1.0)
    return Point(
        share=share,
        offered=offered,
        goodput=rate(outcome.samples, start, end),
        latency=Percentiles.of([sample.latency for sample in good]),
        answered=len(good),
        refused=len(refused),
        refusal=Percentiles.of([sample.service for sample in refused]),
        without_retry_after=sum(not sample.retry_after for sample in refused),
        others=dict(others),
        stages=stage_medians(within),
        livez=Percentiles.of([probe.latency for probe in probes]),
        late=Percentiles.of([1000 * (s.sent - s.due) for s in within]).p99,
        generator=outcome.worked / last,
    )


def measured(url: str, photograph: Photograph, share: float, full: float, plan: Plan) -> Point:
    """One point of the curve: `share` of the capacity `full` a second."""
    offered = share * full
    seconds = plan.warm + max(plan.point, plan.least / offered)
    load = Load(
        url=url, bodies=[photograph.path], phases=[(offered, seconds)], seed=1, probe="/livez"
    )
    return point(share, offered, run(load), (plan.warm, seconds))


def overloaded(url: str, photograph: Photograph, full: float, usual: float, plan: Plan) -> Overload:
    """Ten times the capacity `full`, then calm.

    It is as usual again behind the last request of the calm that was not answered within `usual`
    milliseconds.
    """
    phases = [(OVERLOAD * full, plan.overload), (CALM * full, plan.calm)]
    load = Load(url=url, bodies=[photograph.path], phases=phases, seed=2, probe="/livez")
    outcome = run(load)
    window = (plan.warm, plan.overload)
    return Overload(
        point=point(OVERLOAD, OVERLOAD * full, outcome, window),
        recovery=recovery(outcome.samples, plan.overload, usual),
    )


def recovery(samples: Sequence[Sample], since: float, usual: float) -> float:
    """Seconds from `since` until the last request due after it that went wrong or slow."""
    wrong = [
        sample.due - since
        for sample in samples
        if sample.due >= since and (sample.status != OK or sample.latency > usual)
    ]
    return max(wrong, default=0.0)
