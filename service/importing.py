"""Makes a bundle of a recognizer, a detector and photographs to calibrate on."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from models import bundle as bundles
from models.alignment import TEMPLATE_ID
from models.bundle import Bundle, Loss, Manifest
from models.bundle import Detector as DetectorConstants
from models.golden import record
from service.calibrate import UNCALIBRATED, Calibration, calibrate
from service.detection import Detector
from service.embedding import Recognizer
from service.errors import BundleRefused
from service.onnx import open_session
from service.photographs import Photograph
from service.runtime import open_pipeline
from service.settings import Settings, from_environment
from service.wrapping import Colors, wrapped


@dataclass(frozen=True, slots=True)
class Description:
    """What a bundle says about itself and no file can tell."""

    name: str
    version: str
    architecture: str
    loss: str
    license: str
    training_data: list[str]
    calibration_data: str
    flip_fusion: bool = False
    loss_constants: dict[str, float] = field(default_factory=dict)


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
    photographs: list[Photograph],
    out: Path,
    progress: Callable[[int], object],
) -> Bundle:
    """Wraps, calibrates and describes; `out` holds the whole bundle afterwards or is untouched.

    Raises BundleRefused or another StartupError for files that do not fit, and
    PhotographsUnusable where they do not calibrate.
    """
    if (out / bundles.MANIFEST).exists():
        raise BundleRefused(f"{out} holds a bundle already; choose another folder or delete it.")
    settings = from_environment()
    with _beside(out) as scratch:
        _copy(source, scratch)
        recognizer, detector = _open(scratch, settings)

        async def calibrated() -> Calibration:
            async with open_pipeline(settings, detector, recognizer, UNCALIBRATED) as pipeline:
                return await calibrate(
                    pipeline, photographs, progress, data=description.calibration_data
                )

        calibration = asyncio.run(calibrated())
        bundles.write(scratch, _manifest(scratch, recognizer, description, calibration))
        out.mkdir(parents=True, exist_ok=True)
        # The manifest last: without it a folder is no bundle.
        for path in sorted(scratch.iterdir(), key=lambda path: path.name == bundles.MANIFEST):
            path.replace(out / path.name)
    return bundles.load(out)


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A scratch folder on the same disk, so that files can be moved into place whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        yield Path(scratch)


def _copy(source: Source, scratch: Path) -> None:
    model = wrapped(source.recognizer, source.colors, mean=source.mean, scale=source.scale)
    onnx.save(model, str(scratch / bundles.RECOGNIZER))
    shutil.copyfile(source.detector, scratch / bundles.DETECTOR)
    if source.card is not None:
        shutil.copyfile(source.card, scratch / bundles.CARD)


def _open(scratch: Path, settings: Settings) -> tuple[Recognizer, Detector]:
    threads = settings.compute_threads
    recognizer = open_session(scratch / bundles.RECOGNIZER, provider="cpu", threads=threads)
    detector = open_session(scratch / bundles.DETECTOR, provider="cpu", threads=threads)
    return Recognizer(recognizer), Detector(detector, DetectorConstants())


def _manifest(
    scratch: Path, recognizer: Recognizer, description: Description, calibration: Calibration
) -> Manifest:
    golden = record(recognizer)
    names = [path.name for path in scratch.iterdir()]
    return Manifest(
        name=description.name,
        version=description.version,
        created=datetime.now(UTC).date(),
        architecture=description.architecture,
        parameters=_parameters(scratch / bundles.RECOGNIZER),
        loss=Loss(name=description.loss, constants=description.loss_constants),
        embedding_size=len(golden[0].vector()),
        alignment=TEMPLATE_ID,
        flip_fusion=description.flip_fusion,
        license=description.license,
        training_data=description.training_data,
        detector=DetectorConstants(),
        files={name: bundles.sha256(scratch / name) for name in sorted(names)},
        golden=tuple(golden),
        score=calibration.score,
        quality=calibration.quality,
    )


def _parameters(path: Path) -> int:
    """How many numbers the graph's weights hold."""
    graph = onnx.load(str(path)).graph
    return sum(math.prod(weight.dims) for weight in graph.initializer)


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
