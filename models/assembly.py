"""Assembles a bundle: the one way a manifest is made, by the trainer and by the import alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError

from models import bundle as bundles
from models.alignment import TEMPLATE_ID
from models.bundle import BundleError, Detector, Loss, Manifest
from models.calibration import ScoreCalibration
from models.golden import Features, Golden, Recognize, record
from models.quality import QualityCalibration

UNKNOWN = "unknown"


class Calibration(NamedTuple):
    """What the recognizer's similarities and norms mean."""

    score: ScoreCalibration
    quality: QualityCalibration


@dataclass(frozen=True, slots=True)
class Description:
    """What a bundle says about itself and no file can tell.

    Raises BundleError for a name or a version that a manifest cannot hold.
    """

    name: str
    version: str = "1.0.0"
    architecture: str = UNKNOWN
    loss: str = UNKNOWN
    loss_constants: dict[str, float] = field(default_factory=dict)
    license: str = UNKNOWN
    training_data: list[str] = field(default_factory=lambda: [UNKNOWN])
    calibration_data: str = UNKNOWN
    flip_fusion: bool = False
    parameters: int | None = None  # None: as many numbers as the graph's weights hold

    def __post_init__(self) -> None:
        if not re.fullmatch(bundles.NAME, self.name):
            raise BundleError(
                f"{self.name!r} cannot name a bundle: up to 64 lower-case letters, digits, dots, "
                "dashes and underscores, beginning with a letter or a digit."
            )
        if not re.fullmatch(bundles.VERSION, self.version):
            raise BundleError(f"{self.version!r} is no version; 1.0.0 would be one.")

    def completed(self, metadata: Mapping[str, str]) -> Description:
        """What nobody said, out of the `metadata_props` that the trainer writes into its graphs."""
        constants = {}
        for name, value in metadata.items():
            with suppress(ValueError):  # anybody may have written it
                if name.startswith("loss."):
                    constants[name.removeprefix("loss.")] = float(value)
        return replace(
            self,
            architecture=_said(self.architecture, metadata.get("architecture")),
            loss=_said(self.loss, metadata.get("loss")),
            loss_constants=constants | self.loss_constants,
            flip_fusion=self.flip_fusion or metadata.get("flip_fusion") == "true",
        )


def _said(given: str, found: str | None) -> str:
    return found if given == UNKNOWN and found is not None else given


def name_from(text: str) -> str:
    """What a manifest can hold of a file's name: `IR-101 (WebFace)` is `ir-101-webface`."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-")[:64] or "model"


def refuse_bundle_in(out: Path) -> None:
    """Raises BundleError where `out` holds a bundle already: nothing is ever overwritten."""
    if (out / bundles.MANIFEST).exists():
        raise BundleError(f"{out} holds a bundle already; choose another folder or delete it.")


@contextmanager
def assembling(out: Path) -> Iterator[Path]:
    """A scratch folder whose files become the bundle `out` when the block ends well.

    Otherwise `out` is untouched. The scratch folder is beside it, so that files are moved and
    not copied. Raises BundleError where `out` holds a bundle already.
    """
    refuse_bundle_in(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        yield Path(scratch)
        out.mkdir(exist_ok=True)
        # The manifest last: without it a folder is no bundle.
        files = sorted(Path(scratch).iterdir(), key=lambda path: path.name == bundles.MANIFEST)
        for path in files:
            path.replace(out / path.name)


def golden_of(recognize: Recognize) -> tuple[Golden, ...]:
    """The golden vectors of a new bundle; asked for first, since they show whether it works at all.

    Raises BundleError where the recognizer cannot embed a batch, or what it answers is nothing
    to remember.
    """
    try:
        return tuple(record(lambda crops: _usable(recognize(crops))))
    except BundleError:
        raise
    except Exception as error:  # a runtime raises classes of its own
        raise BundleError(
            "The recognizer cannot embed three crops at once; export it again with a dynamic batch "
            f"axis ({type(error).__name__})."
        ) from error


def _usable(answer: Features) -> Features:
    finite = np.isfinite(answer.embeddings).all() and np.isfinite(answer.norms).all()
    if not finite or not (answer.norms > 0).all():
        raise BundleError(
            "The recognizer answers ordinary pictures with NaN, infinity or a feature of length "
            "zero; its weights are damaged."
        )
    return answer


def manifest(
    directory: Path,
    description: Description,
    golden: tuple[Golden, ...],
    *,
    weights: int,
    calibration: Calibration | None,
) -> Manifest:
    """The manifest of the files in `directory`, whose recognizer gave the `golden` vectors.

    `weights` is how many numbers the graph's weights hold, told where the description does not
    give the network's parameters. `calibration` None makes an uncalibrated bundle. Raises
    BundleError for what a manifest cannot hold, such as embeddings of fewer than 8 numbers.
    """
    files = sorted(path for path in directory.iterdir() if path.name != bundles.MANIFEST)
    score, quality = calibration or (None, None)
    try:
        return Manifest(
            name=description.name,
            version=description.version,
            created=datetime.now(UTC).date(),
            architecture=description.architecture,
            parameters=description.parameters or weights,
            loss=Loss(name=description.loss, constants=description.loss_constants),
            embedding_size=len(golden[0].vector()),
            alignment=TEMPLATE_ID,
            flip_fusion=description.flip_fusion,
            license=description.license,
            training_data=description.training_data,
            detector=Detector(),
            files={path.name: bundles.sha256(path) for path in files},
            golden=golden,
            score=score,
            quality=quality,
            calibrated=None
            if calibration is None
            else bundles.sha256(directory / bundles.RECOGNIZER),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"The bundle cannot have this {where}: {first['msg']}.") from error
