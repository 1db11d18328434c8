"""Everything a running service holds, opened in the order things depend on each other."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import cv2

from models import bundle as bundles
from models.bundle import Bundle, BundleError
from models.calibration import RateOutOfRange
from models.golden import GoldenMismatch, check
from models.quality import QualityCalibration
from service.batching import Batcher
from service.detection import Detector
from service.embedding import Recognizer
from service.errors import BundleRefused, StartupError
from service.gallery import Gallery
from service.gallery.keys import FILE, KeySource
from service.gallery.local import LocalGallery
from service.images import Limits
from service.onnx import Provider, open_session
from service.pipeline import Pipeline
from service.settings import Settings
from service.telemetry import MODEL, PixelBudget

log = logging.getLogger("service")
MAX_BATCH = 4  # on a CPU larger batches gain nothing and hold up the next caller


@dataclass(frozen=True, slots=True)
class Networks:
    """A verified bundle with both of its networks loaded."""

    bundle: Bundle
    detector: Detector
    recognizer: Recognizer


def open_networks(settings: Settings) -> Networks:
    """Loads the bundle and makes it prove itself on its golden vectors.

    Raises BundleRefused, or another StartupError, with the one line the operator needs.
    """
    cv2.setNumThreads(1)  # the pool has one thread per core; OpenCV's own would fight it
    provider: Provider = settings.provider
    try:
        bundle = bundles.load(settings.bundle)
    except BundleError as error:
        raise BundleRefused(str(error)) from error
    threads = settings.compute_threads
    found = open_session(bundle.detector, provider=provider, threads=threads)
    known = open_session(bundle.recognizer, provider=provider, threads=threads)
    try:
        detector, recognizer = Detector(found, bundle.manifest.detector), Recognizer(known)
        check(recognizer, bundle.manifest.golden)
    except (GoldenMismatch, BundleRefused) as error:
        raise BundleRefused(f"{settings.bundle}: {error}") from error
    MODEL.labels(bundle.manifest.id, provider).set(1)
    return Networks(bundle, detector, recognizer)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What exists before the first request: settings, networks, gallery."""

    settings: Settings
    networks: Networks
    gallery: Gallery


@contextmanager
def open_runtime(settings: Settings) -> Iterator[Runtime]:
    """Opens the networks, then the gallery; closes the gallery. Raises StartupError."""
    networks = open_networks(settings)
    _check_rates(settings, networks.bundle)
    if warning := uncalibrated(networks.bundle):
        log.warning(warning)
    manifest = networks.bundle.manifest
    gallery = LocalGallery.open(
        settings.data_dir,
        bundle=manifest.id,
        dimension=manifest.embedding_size,
        keys=key_source(settings),
    )
    try:
        yield Runtime(settings, networks, gallery)
    finally:
        gallery.close()


def key_source(settings: Settings) -> KeySource:
    """Where the gallery's root key is. Raises StartupError if two places are named."""
    path, given = settings.root_key_file, settings.root_key
    if path is not None and given is not None:
        raise StartupError("FACE_ROOT_KEY and FACE_ROOT_KEY_FILE are both set; unset one of them.")
    return KeySource(
        path or settings.data_dir / FILE, None if given is None else given.get_secret_value()
    )


def _check_rates(settings: Settings, bundle: Bundle) -> None:
    """A default rate nobody is calibrated for would fail every request that relies on it."""
    if (scores := bundle.manifest.score) is None:
        return
    try:
        scores.threshold(settings.fmr)
        scores.threshold_for_search(settings.fpir, persons=1)
    except RateOutOfRange as error:
        raise StartupError(f"FACE_FMR or FACE_FPIR: {error}") from error


def uncalibrated(bundle: Bundle) -> str | None:
    """What a bundle cannot do for want of a calibration, and the remedy; None where it has one."""
    kept = bundle.manifest
    known = {
        "/verify and /identify need a threshold in place of an error rate": kept.score,
        "faces have no quality score": kept.quality,
    }
    missing = [consequence for consequence, value in known.items() if value is None]
    remedy = f"'adaface calibrate {bundle.directory} --images DIR' calibrates it"
    return f"{kept.id} is not calibrated: {', '.join(missing)}; {remedy}" if missing else None


@dataclass(frozen=True, slots=True)
class Service:
    """What a request is served with."""

    settings: Settings
    bundle: Bundle
    pipeline: Pipeline
    gallery: Gallery


@asynccontextmanager
async def open_service(runtime: Runtime) -> AsyncIterator[Service]:
    """The service over a runtime; leaving finishes the requests that were accepted."""
    networks = runtime.networks
    quality = networks.bundle.manifest.quality
    async with open_pipeline(
        runtime.settings, networks.detector, networks.recognizer, quality
    ) as pipeline:
        yield Service(runtime.settings, networks.bundle, pipeline, runtime.gallery)


@asynccontextmanager
async def open_pipeline(
    settings: Settings,
    detector: Detector,
    recognizer: Recognizer,
    quality: QualityCalibration | None,
) -> AsyncIterator[Pipeline]:
    """The pipeline with its threads; leaving finishes what was accepted."""
    limits = Limits(max_pixels=settings.max_pixels)
    budget = PixelBudget(settings.max_pixels_in_flight)
    queue = 4 * settings.max_requests
    with ThreadPoolExecutor(settings.compute_threads, thread_name_prefix="image") as pool:
        async with Batcher(recognizer.each, max_batch=MAX_BATCH, max_queue=queue) as embed:
            yield Pipeline(detector, embed, quality, limits, budget, pool)
