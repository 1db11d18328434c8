"""What the service counts and times, as Prometheus reads it; no label ever names anybody.

Families are those of OpenTelemetry and Prometheus: base units, one prefix. Children are looked up
once where a request would pay for it: an observation takes about a microsecond.
"""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, perf_counter

from prometheus_client import Counter, Gauge, Histogram

from models.bundle import RECOGNIZER, Manifest
from service import tracing
from service.exchange import current

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
    "Time spent in one stage: queue is the wait before decoding, embed includes its own.",
    ("stage",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
WAITED = Histogram(
    "face_queue_duration_seconds",
    "Wait of one item for its network: an image for the detector, a face for the recognizer.",
    ("model",),
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
QUEUED = Gauge("face_queue_items", "Items that wait for a network.", ("model", "lane"))
BATCHES = Histogram(
    "face_batch_size", "Items in one run of a network.", ("model",), buckets=(1, 2, 4, 8, 16, 32)
)
PIXELS = Gauge("face_decoded_pixels", "Pixels of pictures that are decoded now.")
MOST_PIXELS = Gauge("face_decoded_pixels_limit", "Pixels that may be decoded at a time.")
FACES = Histogram(
    "face_faces_per_image", "Faces read from one image.", buckets=(0, 1, 2, 4, 8, 16, 32, 64)
)
QUALITY = Histogram(
    "face_quality_score", "Quality of faces that were read, 0 to 100.", buckets=range(10, 101, 10)
)
SIMILARITY = Histogram(
    "face_similarity",
    "Similarity that an answer told, the best of a search. A search that tells none is not here.",
    ("operation", "outcome"),
    buckets=tuple(n / 20 for n in range(-4, 21)),
)
DECISIONS = Counter(
    "face_decisions_total",
    "Comparisons and searches by what was decided.",
    ("operation", "outcome"),
)
COLLECTIONS = Gauge("face_gallery_collections", "Collections.")
PERSONS = Gauge("face_gallery_persons", "Persons in all collections.")
ENROLLED = Gauge("face_gallery_faces", "Faces in all collections.")
MODEL = Gauge(
    "face_model_info",
    "A loaded bundle; always 1.",
    ("bundle", "model", "version", "sha256", "provider"),
)
latest: dict[str, float] = {}  # seconds of the monotonic clock at which a stage last ended


def observe(stage: str, seconds: float) -> None:
    """Counts one run of a pipeline stage."""
    STAGES.labels(stage).observe(seconds)
    latest[stage] = monotonic()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Counts, and traces, what is done inside as one run of a stage."""
    started = perf_counter()
    with tracing.span(name):
        yield
    observe(name, perf_counter() - started)


def read(qualities: Iterable[float | None]) -> None:
    """Counts an image that a request sent, by the quality of each face; None is not known.

    What the service asks itself, and what commands read, is of no request and does not count.
    """
    if (exchange := current()) is None:
        return
    found = [*qualities]
    exchange.faces += len(found)
    FACES.observe(len(found))
    for quality in found:
        if quality is not None:
            QUALITY.observe(quality)


def decided(operation: str, outcome: str, similarity: float | None) -> None:
    """Counts a decision. `similarity` is the one that the answer tells, and no other.

    Whoever may read the metrics must not learn of similarities that are kept from them.
    """
    DECISIONS.labels(operation, outcome).inc()
    if similarity is not None:
        SIMILARITY.labels(operation, outcome).observe(similarity)


def loaded(manifest: Manifest, provider: str) -> None:
    """Names a bundle that is loaded."""
    sum_ = manifest.files[RECOGNIZER]
    MODEL.labels(manifest.id, manifest.name, manifest.version, sum_, provider).set(1)


def enrolled(collections: int, persons: int, faces: int) -> None:
    """Says how large the gallery is."""
    COLLECTIONS.set(collections)
    PERSONS.set(persons)
    ENROLLED.set(faces)


def waiting(queues: Iterable[Mapping[str, Mapping[str, int]]]) -> None:
    """Says how many items wait, by network and lane, over all pipelines."""
    total = Counted[tuple[str, str]]()
    for queued in queues:
        for model, lanes in queued.items():
            total.update({(model, lane): count for lane, count in lanes.items()})
    for labels, count in total.items():
        QUEUED.labels(*labels).set(count)


def server_timing(milliseconds: Mapping[str, float]) -> str:
    """The `Server-Timing` header (W3C) of a request's stages."""
    return ", ".join(f"{stage};dur={spent:.1f}" for stage, spent in milliseconds.items())
