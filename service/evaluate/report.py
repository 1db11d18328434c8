"""Everything that is known about a bundle on some people, as one document."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models import bundle as bundles
from models.assembly import Calibration
from models.bundle import Bundle
from models.calibrating import Worse, calibrated
from models.calibration import CalibrationRefused, ScoreCalibration
from models.golden import Features
from models.quality import QualityCalibration, falls_with
from models.witness import Norms
from service.errors import BundleRefused
from service.evaluate.discarding import FMR, Discarding, evaluate_discarding
from service.evaluate.fusion import Fusion, evaluate_fusion
from service.evaluate.halves import HalfSplit, evaluate_halves
from service.evaluate.identification import Searching, evaluate_identification
from service.evaluate.sample import Groups, Sample
from service.evaluate.verification import (
    GroupRates,
    Verification,
    evaluate_groups,
    evaluate_verification,
)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Faces found: failure to enroll (FTE) as photographed, failure to acquire when degraded."""

    photographs: int
    failures: int
    fte: float
    degraded_failures: int
    degraded_fta: float


@dataclass(frozen=True, slots=True)
class Report:
    """What `adaface evaluate report` writes.

    Thresholds are the bundle's, fitted on `calibrated_on`; `calibration` is what this data would
    make of the bundle, in the form of its manifest, or null for the reason in `not_calibrated`.
    """

    bundle: str
    recognizer: str
    data: str
    calibrated_on: str
    acquisition: Acquisition
    verification: Verification
    identification: list[Searching]
    halves: list[HalfSplit]
    discarding: Discarding | None
    spearman: dict[str, float]
    fusion: list[Fusion]
    groups: list[GroupRates]
    calibration: dict[str, Any] | None
    not_calibrated: str | None

    def document(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)


def evaluate(
    bundle: Bundle, sample: Sample, norms: Norms, *, data: str, groups: Groups | None = None
) -> Report:
    """Judges a calibrated bundle by the faces it found; `norms` asks its recognizer.

    Raises BundleRefused where it is not calibrated, or no two photographs show the same person.
    """
    manifest = bundle.manifest
    if manifest.score is None or manifest.quality is None:
        raise BundleRefused(
            "The bundle is not calibrated, so it promises nothing that could be evaluated; "
            "'adaface calibrate' calibrates it."
        )
    if not len(sample.clean.pairs()[0]) or len(np.unique(sample.clean.person)) < 2:
        raise BundleRefused(
            "The evaluation needs two people, and two photographs of one in which faces are found."
        )
    scores, direction = manifest.score, manifest.quality.direction
    made, refused = _calibration(sample, norms, data)
    return Report(
        bundle=manifest.id,
        recognizer=manifest.files[bundles.RECOGNIZER],
        data=data,
        calibrated_on=scores.data,
        acquisition=_acquisition(sample),
        verification=evaluate_verification(sample.clean, scores),
        identification=evaluate_identification(sample.clean, scores),
        halves=evaluate_halves(sample.clean),
        discarding=evaluate_discarding(sample.worse, scores.threshold(FMR), direction),
        spearman=_spearman(sample, direction),
        fusion=evaluate_fusion(sample.worse),
        groups=evaluate_groups(sample.clean, sample.names, groups or {}, scores),
        calibration=None if made is None else _dumped(made),
        not_calibrated=refused,
    )


def _acquisition(sample: Sample) -> Acquisition:
    lost = sample.photographs - len(sample.worse)
    return Acquisition(
        photographs=sample.photographs,
        failures=sample.failures,
        fte=round(sample.failures / sample.photographs, 5),
        degraded_failures=lost,
        degraded_fta=round(lost / sample.photographs, 5),
    )


def _spearman(sample: Sample, direction: int) -> dict[str, float]:
    """Between norm and level of degradation of every kind, over all photographs together."""
    kinds = np.array(sample.kinds)[sample.worse.image]
    levels = sample.levels[sample.worse.image]
    found = {}
    for kind in sorted(set(sample.kinds)):
        chosen = kinds == kind
        if chosen.sum() > 2:
            quality = direction * sample.worse.norm[chosen]
            found[kind] = round(falls_with(levels[chosen], quality), 4)
    return found


def _calibration(sample: Sample, norms: Norms, data: str) -> tuple[Calibration | None, str | None]:
    """What `adaface calibrate` would make of these faces, or why it would refuse them."""
    clean, worse = sample.clean, sample.worse
    place = {int(image): index for index, image in enumerate(clean.image)}
    swept = [
        Worse(place[image], sample.kinds[image], float(sample.levels[image]), vector, float(norm))
        for image, vector, norm in zip(
            worse.image.tolist(), worse.embedding, worse.norm, strict=True
        )
        if image in place
    ]
    found = Features(clean.embedding, clean.norm.astype(np.float32))
    try:
        return calibrated(found, clean.person, swept, norms, data=data), None
    except CalibrationRefused as error:
        return None, str(error)


def _dumped(made: Calibration) -> dict[str, Any]:
    return {
        "score": made.score.model_dump(mode="json"),
        "quality": made.quality.model_dump(mode="json"),
    }


def calibration_in(path: Path, bundle: Bundle) -> Calibration:
    """The calibration that a report of `adaface evaluate report` holds for this very bundle.

    Raises BundleRefused where the file is no such report, is of another recognizer, or holds none.
    """
    try:
        document = json.loads(path.read_text())
        recognizer, held = document["recognizer"], document["calibration"]
        refused = document["not_calibrated"]
        made = held and Calibration(
            ScoreCalibration.model_validate(held["score"]),
            QualityCalibration.model_validate(held["quality"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise BundleRefused(f"{path} is no report of 'adaface evaluate report'.") from error
    if recognizer != bundle.manifest.files[bundles.RECOGNIZER]:
        raise BundleRefused(
            f"{path} is the report of another recognizer ({recognizer[:12]}); evaluate this one."
        )
    if not made:
        raise BundleRefused(f"{path} holds no calibration: {refused}")
    return Calibration(*made)


def count_images(photographs: int) -> int:
    """How many images an evaluation reads, for a progress bar."""
    return 2 * photographs
