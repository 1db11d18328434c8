"""What the service counts and times."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Histogram(
    "http_server_request_duration_seconds",
    "Time from the request's first byte to the answer's last.",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)
ACTIVE = Gauge("http_server_active_requests", "Requests in progress.")
LIMIT = Gauge("face_admission_limit", "Requests that may be in progress now.", ("gate",))
BODIES = Gauge("face_request_body_bytes", "Bytes of request bodies held in memory.")
REFUSED = Counter(
    "face_requests_refused_total",
    "Requests that got no answer to what they asked: overloaded, bodies, slow, deadline, disconnected, unauthenticated, forbidden.",
    ("reason",),
)
STAGES = Histogram(
    "face_stage_duration_seconds",
    "Time spent in one stage of the pipeline; queue is the wait before decoding, embed includes its own.",
    ("stage",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
MODEL = Gauge("face_model_info", "The running bundle; always 1.", ("bundle", "provider"))
latest: dict[str, float] = {}  # seconds of the monotonic clock at which a stage last ended


def observe(stage: str, seconds: float) -> None:
    """Counts one run of a pipeline stage."""
    STAGES.labels(stage).observe(seconds)
    latest[stage] = monotonic()


def server_timing(milliseconds: Mapping[str, float]) -> str:
    """The `Server-Timing` header (W3C) of a request's stages."""
    return ", ".join(f"{stage};dur={spent:.1f}" for stage, spent in milliseconds.items())
