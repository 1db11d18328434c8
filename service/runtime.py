"""Everything a running service holds, opened in the order things depend on each other."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2

from models import bundle as bundles
from models import witness
from models.bundle import Bundle, BundleError
from models.calibration import RateOutOfRange
from models.golden import GoldenMismatch, check
from models.quality import QualityCalibration
from models.witness import NormDisagrees
from service import telemetry
from service.access import Access, Keyring
from service.batching import Batcher
from service.budget import PixelBudget
from service.cores import Cores
from service.detection import Detector
from service.embedding import Recognizer
from service.engine import hardware_of, open_recognizer
from service.errors import BundleMismatch, BundleRefused, StartupError
from service.gallery import Gallery
from service.gallery.keys import FILE, KeySource
from service.gallery.local import LocalGallery
from service.images import Limits
from service.onnx import open_on
from service.pipeline import Pipeline
from service.scenes import Locator
from service.settings import Settings

log = logging.getLogger("service")


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
    try:
        bundle = bundles.load(settings.bundle)
    except BundleError as error:
        raise BundleRefused(str(error)) from error
    longest = bundle.manifest.detector.input_size
    found = open_on(bundle.detector, replace(hardware_of(settings), longest=longest))
    try:
        coarse = settings.provider != "cpu"
        detector = Detector(found, bundle.manifest.detector, coarse=coarse)
        if coarse:
            detector.warm()
        recognizer = open_recognizer(bundle, settings)
        check(recognizer, bundle.manifest.golden)
        _check_norm(recognizer, bundle)
    except (GoldenMismatch, NormDisagrees, BundleRefused) as error:
        raise BundleRefused(f"{settings.bundle}: {error}") from error
    telemetry.loaded(bundle.manifest, settings.provider)
    return Networks(bundle, detector, recognizer)


def _check_norm(recognizer: Recognizer, bundle: Bundle) -> None:
    """Raises NormDisagrees where a norm that followed quality does not any more."""
    quality = bundle.manifest.quality
    if quality is not None and quality.witness:
        witness.check(lambda faces: recognizer(faces).norms, quality)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What exists before the first request: settings, access keys, networks, gallery."""

    settings: Settings
    access: Access
    networks: Networks
    gallery: Gallery
    following: Networks | None = None  # those of the next bundle


@contextmanager
def open_runtime(settings: Settings) -> Iterator[Runtime]:
    """Opens the networks, then the gallery; closes the gallery. Raises StartupError."""
    access = open_access(settings)
    networks = open_networks(settings)
    check_rates(settings, networks.bundle)
    if warning := uncalibrated(networks.bundle):
        log.warning(warning)
    manifest, following = networks.bundle.manifest, _next(settings, networks.bundle)
    others = [] if following is None else [following.bundle.manifest]
    gallery = LocalGallery.open(
        settings.data_dir,
        bundle=manifest.id,
        dimension=manifest.embedding_size,
        others={each.id: each.embedding_size for each in others},
        keys=key_source(settings),
    )
    try:
        yield Runtime(settings, access, networks, gallery, following)
    finally:
        gallery.close()


def _next(settings: Settings, bundle: Bundle) -> Networks | None:
    """The networks of the second bundle, where one is set. Raises StartupError."""
    if settings.next_bundle is None:
        return None
    networks = open_networks(settings.model_copy(update={"bundle": settings.next_bundle}))
    if networks.bundle.manifest.id == bundle.manifest.id:
        raise StartupError("FACE_NEXT_BUNDLE is the same model as FACE_BUNDLE; unset it.")
    check_rates(settings, networks.bundle)
    return networks


def open_access(settings: Settings) -> Access:
    """The access keys. Raises StartupError where everybody on the network could do everything."""
    given = None if settings.admin_key_file is None else _admin_key(settings.admin_key_file)
    access = Access(Keyring(settings.data_dir, key_source(settings).key), given)
    exposed = not access.closed and not is_loopback(settings.host)
    if exposed and not settings.allow_anonymous:
        raise StartupError(
            f"There is no access key, and {settings.host} is not this machine alone: create one with"
            " 'adaface keys create', give FACE_ADMIN_KEY_FILE, or set FACE_ALLOW_ANONYMOUS=true."
        )
    return access


def unguarded(runtime: Runtime) -> str | None:
    """What it means that there is no access key; None where there is one."""
    if runtime.access.closed:
        return None
    host = runtime.settings.host
    where = "on this machine" if is_loopback(host) else f"who reaches {host}"
    return f"no access key: everybody {where} may do everything; 'adaface keys create' makes one"


def _admin_key(path: Path) -> str:
    """The key in a file. Raises StartupError; never repeats what it read."""
    try:
        token = (path.read_text().splitlines() or [""])[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"FACE_ADMIN_KEY_FILE cannot be read: {error}.") from error
    if len(token) < 32 or not token.isascii():
        raise StartupError(
            f"The key in {path} is not one of 32 ASCII characters or more; `openssl rand -hex 32`"
            " makes one."
        )
    return token


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def key_source(settings: Settings) -> KeySource:
    """Where the gallery's root key is. Raises StartupError if two places are named."""
    path, given = settings.root_key_file, settings.root_key
    if path is not None and given is not None:
        raise StartupError("FACE_ROOT_KEY and FACE_ROOT_KEY_FILE are both set; unset one of them.")
    return KeySource(
        path or settings.data_dir / FILE, None if given is None else given.get_secret_value()
    )


def check_rates(settings: Settings, bundle: Bundle) -> None:
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


class Model(NamedTuple):
    """A bundle and what runs it."""

    bundle: Bundle
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Service:
    """What a request is served with: `bundle`, and `models` by id, among which that one is."""

    settings: Settings
    bundle: Bundle
    pipeline: Pipeline
    gallery: Gallery
    models: Mapping[str, Model]

    @property
    def sizes(self) -> dict[str | None, int]:
        """The number of values in an embedding of each model; None is the one in service."""
        own = {None: self.bundle.manifest.embedding_size}
        return own | {id_: m.bundle.manifest.embedding_size for id_, m in self.models.items()}

    def by(self, bundle: str) -> Service:
        """The same with another of the models in the place of its own. Raises BundleMismatch."""
        if (model := self.models.get(bundle)) is None:
            raise BundleMismatch(
                f"The model {bundle!r} is not loaded; set FACE_BUNDLE or FACE_NEXT_BUNDLE to it."
            )
        return replace(self, bundle=model.bundle, pipeline=model.pipeline)


class Machine(NamedTuple):
    """What all pipelines of a process share: threads that compute, and room for decoded pixels."""

    cores: Cores
    budget: PixelBudget


def machine_of(settings: Settings) -> Machine:
    """As much of this machine as the settings allow."""
    return Machine(Cores(settings.compute_threads), PixelBudget(settings.max_pixels_in_flight))


@asynccontextmanager
async def open_service(runtime: Runtime) -> AsyncIterator[Service]:
    """The service over a runtime; leaving finishes the requests that were accepted."""
    async with AsyncExitStack() as opened:
        models: dict[str, Model] = {}
        machine = machine_of(runtime.settings)
        for networks in (runtime.networks, runtime.following):
            if networks is not None:
                manifest = networks.bundle.manifest
                parts = (networks.detector, networks.recognizer, manifest.quality, machine)
                pipeline = await opened.enter_async_context(open_pipeline(runtime.settings, *parts))
                models[manifest.id] = Model(networks.bundle, pipeline)
        bundle, pipeline = models[runtime.networks.bundle.manifest.id]
        yield Service(runtime.settings, bundle, pipeline, runtime.gallery, models)


@asynccontextmanager
async def open_pipeline(
    settings: Settings,
    detector: Detector,
    recognizer: Recognizer,
    quality: QualityCalibration | None,
    machine: Machine | None = None,
) -> AsyncIterator[Pipeline]:
    """The pipeline on a machine, or on one of its own; leaving finishes what was accepted."""
    cores, budget = machine or machine_of(settings)
    locator = Locator(detector, Limits(max_pixels=settings.max_pixels), budget)
    queue = 4 * settings.max_requests
    owner = cores if settings.provider == "cpu" else Cores(1)  # an accelerator's session has one
    locate = Batcher(locator.each, cores, max_batch=1, max_queue=queue, name="detector")
    embed = Batcher(
        recognizer.each, owner, max_batch=settings.max_batch, max_queue=queue, name="recognizer"
    )
    # Full batches of crops are served first, as nearly finished; left in reverse, they close last.
    async with embed, locate:
        yield Pipeline(locator, locate, embed, quality, settings.fmr)
