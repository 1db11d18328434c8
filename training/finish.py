"""What a finished run leaves behind: one ONNX file, and a bundle the service loads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from models.assembly import Description, name_from
from models.bundle import Bundle
from models.calibration import CalibrationRefused
from training import best
from training.bundle import write_bundle
from training.config import Recipe
from training.export import export
from training.run import Run
from training.train import SNAPSHOTS
from training.validation import Held

log = logging.getLogger("training")
RECOGNIZER, BUNDLE = "recognizer.onnx", "bundle"


def finish(run: Run, held: Held | None, out: Path, progress: Callable[[int], object]) -> Bundle:
    """Exports the run's network and makes a bundle of it, calibrated on the held-out people.

    Without them, or where the norm does not follow the quality of their pictures, the bundle is
    uncalibrated: it embeds, but knows no thresholds. Raises ParityError.
    """
    recipe = run.recipe
    recognizer = out / RECOGNIZER
    network = best.network(run, out / SNAPSHOTS).cpu().eval()
    exported = export(
        network, recognizer, flip_fusion=recipe.flip_fusion, metadata=_metadata(recipe)
    )
    log.info("%s: %s", recognizer, exported.parity)
    description = _description(recipe)
    if held is not None:
        try:
            return write_bundle(
                recognizer, None, out / BUNDLE, description, held.crops, held.persons, progress
            )
        except CalibrationRefused as error:
            log.warning("The bundle stays uncalibrated: %s", error)
    return write_bundle(recognizer, None, out / BUNDLE, description)


def _metadata(recipe: Recipe) -> dict[str, str]:
    return {
        "recipe": recipe.name,
        "recipe_sha256": recipe.fingerprint,
        "loss": recipe.loss.name,
        "training_data": "; ".join(recipe.training_data),
        **{f"loss.{name}": f"{value:g}" for name, value in recipe.loss.constants.items()},
    }


def _description(recipe: Recipe) -> Description:
    return Description(
        name=name_from(recipe.name),
        architecture=recipe.architecture,
        loss=recipe.loss.name,
        loss_constants=recipe.loss.constants,
        license=recipe.license,
        training_data=list(recipe.training_data) or ["unknown"],
        calibration_data=f"held-out identities of {recipe.name}",
        flip_fusion=recipe.flip_fusion,
    )
