"""The bundle a training run ends in: calibrated on aligned crops, without a detector's pass."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto

from models import bundle as bundles
from models.assembly import Calibration, Description, assembling, golden_of, manifest
from models.bundle import Bundle, BundleError
from models.calibrating import Worse, calibrated, chosen
from models.degradation import DEGRADATIONS
from models.golden import Features, Recognize
from models.quality import LEVELS, SWEPT
from training.parity import OUTPUTS, open_recognizer

BATCH = 32
STARTER_DETECTOR = Path(bundles.__file__).parent / "starter" / bundles.DETECTOR
Crops: TypeAlias = NDArray[np.uint8]  # (n, 112, 112, 3) RGB
Progress: TypeAlias = Callable[[int], object]  # told how many more crops were embedded


def write_bundle(  # noqa: PLR0913 - the files of a bundle, its description, what calibrates it
    recognizer: Path,
    detector: Path | None,
    out: Path,
    description: Description,
    crops: Crops | None = None,
    persons: NDArray[Any] | None = None,
    progress: Progress = lambda _: None,
    *,
    sources: NDArray[Any] | None = None,
    card: Path | None = None,
) -> Bundle:
    """Makes the bundle directory `out` of a contract graph, whole or not at all.

    `crops` (n, 112, 112, 3) uint8 RGB show `persons` (n,), people the recognizer was not trained
    on; without them the bundle is not calibrated. Where they come from several `sources` (n,),
    strangers are compared within each. `detector` None is the starter's. `progress` is
    told of `count_crops(n)` crops in all. Raises BundleError where the graph is none or `out` holds
    a bundle, CalibrationRefused where the crops do not calibrate it, ParityError where ONNX
    Runtime cannot load it, and ValueError where there is not one person for each crop.
    """
    if crops is not None and (persons is None or len(persons) != len(crops)):
        raise ValueError("Calibration needs to know the one person that each crop shows.")
    with assembling(out) as scratch:
        model = _contract(recognizer)
        shutil.copyfile(recognizer, scratch / bundles.RECOGNIZER)
        shutil.copyfile(detector or STARTER_DETECTOR, scratch / bundles.DETECTOR)
        if card is not None:
            shutil.copyfile(card, scratch / bundles.CARD)
        recognize = open_recognizer(scratch / bundles.RECOGNIZER)
        golden, calibration = golden_of(recognize), None
        if crops is not None and persons is not None:
            data = description.calibration_data
            calibration = calibrate_crops(
                recognize, crops, persons, progress, data=data, sources=sources
            )
        made = manifest(
            scratch,
            description.completed({each.key: each.value for each in model.metadata_props}),
            golden,
            weights=sum(math.prod(weight.dims) for weight in model.graph.initializer),
            calibration=calibration,
        )
        bundles.write(scratch, made)
    return bundles.load(out)


def count_crops(crops: int) -> int:
    """How many crops `write_bundle` embeds to calibrate on `crops`, for a progress bar."""
    return crops + min(SWEPT, crops) * len(DEGRADATIONS) * len(LEVELS)


def calibrate_crops(  # noqa: PLR0913 - a recognizer, and what it is asked
    recognize: Recognize,
    crops: Crops,
    persons: NDArray[Any],
    progress: Progress = lambda _: None,
    *,
    data: str,
    sources: NDArray[Any] | None = None,
) -> Calibration:
    """What `service.calibrate` does with photographs, on crops that are aligned already.

    Levels of degradation are set for faces of about 112 pixels, so they mean the same on both.
    Raises CalibrationRefused for too few people, and where the norm does not follow the quality
    of the crop.
    """
    found = _embedded(recognize, crops, progress)
    worse = _worse(recognize, crops, chosen(persons), progress)

    def norms(faces: Crops) -> NDArray[np.floating]:
        return recognize(faces).norms

    return calibrated(found, persons, worse, norms, data=data, sources=sources)


def _worse(
    recognize: Recognize, crops: Crops, indices: list[int], progress: Progress
) -> list[Worse]:
    swept = []
    for kind, degrade in DEGRADATIONS.items():
        for level in LEVELS:
            random = np.random.default_rng(0)
            spoiled = np.stack([degrade(crops[index], level, random) for index in indices])
            answers = _embedded(recognize, spoiled, progress)
            swept += [
                Worse(index, kind, level, vector, float(norm))
                for index, vector, norm in zip(indices, *answers, strict=True)
            ]
    return swept


def _embedded(recognize: Recognize, crops: Crops, progress: Progress) -> Features:
    """(n, d) embeddings and (n,) norms, a batch at a time."""
    answers = []
    for start in range(0, len(crops), BATCH):
        batch = np.ascontiguousarray(crops[start : start + BATCH])
        answers.append(recognize(batch))
        progress(len(batch))
    return Features(*(np.concatenate(parts) for parts in zip(*answers, strict=True)))


def _contract(path: Path) -> ModelProto:
    """The graph in `path`; BundleError unless it takes uint8 crops and answers as a bundle's must."""
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf and the file system each raise their own
        raise BundleError(f"{path} is not a readable ONNX model: {error}") from error
    takes = [each.type.tensor_type.elem_type for each in model.graph.input]
    answers = {each.name for each in model.graph.output}
    if takes != [TensorProto.UINT8] or not set(OUTPUTS) <= answers:
        raise BundleError(
            f"{path} is not a bundle's recognizer, uint8 crops in and {' and '.join(OUTPUTS)} out; "
            "'adaface train export' writes one."
        )
    return model
