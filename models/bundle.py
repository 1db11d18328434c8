"""The model bundle: a directory whose manifest accounts for every byte and every number."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.calibration import ScoreCalibration
from models.golden import Golden
from models.quality import QualityCalibration

MANIFEST = "bundle.json"
RECOGNIZER = "recognizer.onnx"
DETECTOR = "detector.onnx"
CARD = "MODEL_CARD.md"
NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
VERSION = r"^[0-9][0-9A-Za-z.+-]{0,31}$"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BundleError(ValueError):
    """The bundle must not be used; the message says which file and why."""


class Loss(BaseModel):
    """The loss a recognizer was trained with."""

    model_config = ConfigDict(frozen=True)

    name: str
    constants: dict[str, float]


class Detector(BaseModel):
    """How the SCRFD-shaped detector is run."""

    model_config = ConfigDict(frozen=True)

    threshold: float = Field(default=0.5, gt=0, lt=1)
    nms_threshold: float = Field(default=0.4, gt=0, lt=1)
    input_size: int = Field(default=640, ge=32, multiple_of=32)


class Manifest(BaseModel):
    """`bundle.json`. Without `score` no similarity has a meaning yet, without `quality` no norm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: str = Field(pattern=NAME)
    version: str = Field(pattern=VERSION)
    created: date
    architecture: str
    parameters: int = Field(gt=0)
    loss: Loss
    embedding_size: int = Field(ge=8, le=4096)
    alignment: Literal["arcface-112-v2"]  # alignment.TEMPLATE_ID
    flip_fusion: bool = Field(
        description="The embedding is the sum over the crop and its mirror image; the norm is "
        "always the crop's alone."
    )
    license: str
    training_data: list[str]
    detector: Detector
    files: dict[str, Sha256]
    golden: tuple[Golden, ...] = Field(min_length=1)
    score: ScoreCalibration | None = None
    quality: QualityCalibration | None = None
    calibrated: Sha256 | None = Field(
        default=None, description="The recognizer that `score` and `quality` were measured with."
    )
    metrics: dict[str, float] = Field(default_factory=dict)

    @property
    def id(self) -> str:
        """What a collection remembers: equal ids mean comparable embeddings."""
        return f"{self.name}-{self.version}-{self.files[RECOGNIZER][:12]}"


class Bundle(BaseModel):
    """A verified bundle and where it lies."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    directory: Path
    manifest: Manifest

    @property
    def recognizer(self) -> Path:
        return self.directory / RECOGNIZER

    @property
    def detector(self) -> Path:
        return self.directory / DETECTOR


def sha256(path: Path) -> str:
    """The hex digest of a file's bytes. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(directory: Path) -> Bundle:
    """Reads and verifies the bundle in `directory`: manifest, and the sha256 of every file.

    Raises BundleError with one sentence that names the file and what is wrong with it.
    """
    path = directory / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise BundleError(f"{path} is not a bundle manifest: {where}: {first['msg']}.") from error
    for name in {RECOGNIZER, DETECTOR, *manifest.files}:
        _verify(directory, name, manifest.files.get(name))
    if manifest.calibrated not in {None, manifest.files[RECOGNIZER]}:
        raise BundleError(
            f"{path} has the calibration of another recognizer, whose similarities and norms mean "
            "something else; 'adaface calibrate BUNDLE --images DIR --again' measures this one."
        )
    return Bundle(directory=directory, manifest=manifest)


def _verify(directory: Path, name: str, expected: str | None) -> None:
    if expected is None:
        raise BundleError(f"{directory / MANIFEST} does not account for {name}.")
    if Path(name).name != name:
        raise BundleError(f"{directory / MANIFEST} names a file outside the bundle: {name}.")
    try:
        found = sha256(directory / name)
    except OSError as error:
        raise BundleError(f"{directory / name} cannot be read: {error.strerror}.") from error
    if found != expected:
        raise BundleError(
            f"{directory / name} is not the file the manifest describes: its sha256 is "
            f"{found[:12]}..., expected {expected[:12]}...; fetch the bundle again."
        )


def write(directory: Path, manifest: Manifest) -> None:
    """Writes the manifest beside the files it describes, whole or not at all."""
    partial = directory / (MANIFEST + ".partial")
    partial.write_text(manifest.model_dump_json(indent=1) + "\n")
    partial.replace(directory / MANIFEST)
