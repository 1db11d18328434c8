"""What became of each request, and the figures of many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median

import numpy as np
from pydantic import BaseModel, ConfigDict

OK, REFUSED, BROKEN = 200, 503, 0
NAN = float("nan")
KEEP_NAN = ConfigDict(ser_json_inf_nan="strings")  # JSON has none, and null would not come back
_STAGE = re.compile(r"([\w-]+);dur=([\d.]+)")


class Sample(BaseModel):
    """One request; times are seconds from the start of the load.

    `due` is when it had to leave and `sent` when it did, so `ended - due` holds the wait that a
    caller has behind a slow server. `status` 0 is an answer that never came.
    """

    due: float
    sent: float
    ended: float
    status: int
    stages: dict[str, float] = {}
    retry_after: bool = False

    @property
    def latency(self) -> float:
        """Milliseconds that the caller waited."""
        return 1000 * (self.ended - self.due)

    @property
    def service(self) -> float:
        """Milliseconds from connecting to the whole answer."""
        return 1000 * (self.ended - self.sent)


class Percentiles(BaseModel):
    """Milliseconds; NaN where nothing was measured."""

    model_config = KEEP_NAN

    p50: float
    p95: float
    p99: float
    worst: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Percentiles:
        """A percentile is a value that was measured, and never a lower one: no interpolation."""
        if not milliseconds:
            return cls(p50=NAN, p95=NAN, p99=NAN, worst=NAN)
        found = np.quantile(milliseconds, (0.5, 0.95, 0.99, 1), method="higher")
        return cls(**dict(zip(cls.model_fields, found.tolist(), strict=True)))


def stages(header: str) -> dict[str, float]:
    """Milliseconds by stage from a `Server-Timing` header."""
    return {name: float(spent) for name, spent in _STAGE.findall(header)}


def rate(samples: Sequence[Sample], start: float, end: float) -> float:
    """Good answers a second between `start` and `end`, from the first one to the last.

    Batches answer several at once. Counting what follows the first answer and dividing by the
    time since makes no difference between a window that opens before a batch and one that opens
    behind it, which in a short window of a slow model is several percent.
    """
    ended = sorted(s.ended for s in samples if s.status == OK and start <= s.ended <= end)
    if len(ended) < 2 or ended[-1] == ended[0]:
        return 0.0
    return (len(ended) - 1) / (ended[-1] - ended[0])


def stage_medians(samples: Sequence[Sample]) -> dict[str, float]:
    """The median milliseconds of each stage over the good answers, in the order they come."""
    good = [sample.stages for sample in samples if sample.status == OK]
    names = list(dict.fromkeys(name for each in good for name in each))
    return {name: median(each[name] for each in good if name in each) for name in names}
