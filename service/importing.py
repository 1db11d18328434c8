"""Makes a bundle of a recognizer, a detector and, where there are any, photographs to calibrate on."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import ModelProto

from models import bundle as bundles
from models.assembly import Calibration, Description, assembling, golden_of
from models.assembly import manifest as manifest_of
from models.bundle import Bundle
from models.bundle import Detector as DetectorConstants
from service.calibrate import calibrate
from service.detection import Detector
from service.embedding import Recognizer
from service.errors import BundleRefused
from service.evaluate.report import calibration_in
from service.onnx import open_session
from service.photographs import Photograph
from service.runtime import open_networks, open_pipeline
from service.settings import Settings, from_environment
from service.wrapping import Colors, wrapped

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Source:
    """The files a bundle is made of, and how a foreign recognizer wants its pixels."""

    recognizer: Path
    detector: Path
    card: Path | None = None
    colors: Colors | None = None
    mean: float = 127.5
    scale: float = 127.5


def import_bundle(
    source: Source,
    description: Description,
    photographs: Sequence[Photograph] | None,
    out: Path,
    progress: Progress,
) -> Bundle:
    """Wraps, calibrates and describes; `out` holds the whole bundle afterwards or is untouched.

    Without photographs the bundle is not calibrated. Raises BundleError, BundleRefused or another
    StartupError for files that do not fit, and CalibrationRefused where the photographs do not.
    """
    settings = from_environment()
    with assembling(out) as scratch:
        model = _copy(source, scratch)
        recognizer, detector = _open(scratch, settings)
        golden, calibration = golden_of(recognizer), None
        if photographs is not None:
            data = description.calibration_data
            calibration = _calibrated(settings, detector, recognizer, photographs, progress, data)
        made = manifest_of(
            scratch,
            description.completed({each.key: each.value for each in model.metadata_props}),
            golden,
            weights=sum(math.prod(weight.dims) for weight in model.graph.initializer),
            calibration=calibration,
        )
        bundles.write(scratch, made)
    return bundles.load(out)


def calibrate_bundle(
    settings: Settings, photographs: Sequence[Photograph], progress: Progress, *, data: str
) -> Bundle:
    """Puts a calibration into the settings' bundle; whatever goes wrong, the old manifest stays.

    Raises as `import_bundle` does. Files, golden vectors and id of the bundle are the same after.
    """
    networks = open_networks(settings)
    made = _calibrated(
        settings, networks.detector, networks.recognizer, photographs, progress, data
    )
    return _kept(networks.bundle, made)


def calibrate_from(settings: Settings, report: Path) -> Bundle:
    """Puts the calibration of a report of `adaface evaluate report` into the settings' bundle.

    Raises BundleRefused where it is of another recognizer or holds none.
    """
    bundle = open_networks(settings).bundle
    return _kept(bundle, calibration_in(report, bundle))


def _kept(bundle: Bundle, made: Calibration) -> Bundle:
    """The bundle with the calibration in its manifest."""
    update = {
        "score": made.score,
        "quality": made.quality,
        "calibrated": bundle.manifest.files[bundles.RECOGNIZER],
    }
    bundles.write(bundle.directory, bundle.manifest.model_copy(update=update))
    return bundles.load(bundle.directory)


def _calibrated(  # noqa: PLR0913 - a pipeline's parts, and what goes through it
    settings: Settings,
    detector: Detector,
    recognizer: Recognizer,
    photographs: Sequence[Photograph],
    progress: Progress,
    data: str,
) -> Calibration:
    async def run() -> Calibration:
        async with open_pipeline(settings, detector, recognizer, None) as pipeline:
            return await calibrate(
                pipeline, lambda faces: recognizer(faces).norms, photographs, progress, data=data
            )

    return asyncio.run(run())


def _copy(source: Source, scratch: Path) -> ModelProto:
    """Puts the files into `scratch`; the recognizer as it was written."""
    model = wrapped(source.recognizer, source.colors, mean=source.mean, scale=source.scale)
    onnx.save(model, str(scratch / bundles.RECOGNIZER))
    shutil.copyfile(source.detector, scratch / bundles.DETECTOR)
    if source.card is not None:
        shutil.copyfile(source.card, scratch / bundles.CARD)
    return model


def _open(scratch: Path, settings: Settings) -> tuple[Recognizer, Detector]:
    threads = settings.compute_threads
    recognizer = open_session(scratch / bundles.RECOGNIZER, provider="cpu", threads=threads)
    detector = open_session(scratch / bundles.DETECTOR, provider="cpu", threads=threads)
    return Recognizer(recognizer), Detector(detector, DetectorConstants())


def describe(directory: Path, card: Path | None, reports: Sequence[Path]) -> Bundle:
    """Puts a model card and what `adaface evaluate ... --json` printed into a bundle.

    Each number is named after its report's file, `pairs.accuracy` out of pairs.json: two
    evaluations count their failures on different photographs.
    Raises BundleError for a bundle that is not whole and BundleRefused for a report that is none.
    """
    manifest = bundles.load(directory).manifest
    metrics, files = dict(manifest.metrics), dict(manifest.files)
    for report in reports:
        try:
            measured = _flat(json.loads(report.read_text()))
        except (ValueError, AttributeError) as error:
            raise BundleRefused(f"{report} is no report of 'adaface evaluate --json'.") from error
        metrics |= {f"{report.stem}.{name}": value for name, value in measured.items()}
    if card is not None:
        shutil.copyfile(card, directory / bundles.CARD)
        files[bundles.CARD] = bundles.sha256(directory / bundles.CARD)
    bundles.write(directory, manifest.model_copy(update={"metrics": metrics, "files": files}))
    return bundles.load(directory)


def _flat(report: dict[str, float | dict[str, float]]) -> dict[str, float]:
    """`{"tmr_at_fmr": {"0.01": 0.9}}` as `{"tmr_at_fmr.0.01": 0.9}`."""
    flat: dict[str, float] = {}
    for name, value in report.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": float(each) for key, each in value.items()}
        else:
            flat[name] = float(value)
    return flat
