"""What a bundle says of itself, as the API tells it: no file paths, no golden vectors."""

from __future__ import annotations

from collections.abc import Mapping

from models.bundle import CARD, Bundle, sha256
from models.calibration import ScoreCalibration
from service import schemas
from service.errors import ModelNotFound
from service.runtime import Model


def model(bundle: Bundle, provider: str) -> schemas.Model:
    """What the manifest says that a caller may know."""
    manifest = bundle.manifest
    scores = manifest.score
    return schemas.Model(
        id=manifest.id,
        name=manifest.name,
        version=manifest.version,
        architecture=manifest.architecture,
        loss=manifest.loss.name,
        embedding_size=manifest.embedding_size,
        alignment=manifest.alignment,
        license=manifest.license,
        training_data=manifest.training_data,
        provider=provider,
        calibrated=scores is not None and manifest.quality is not None,
        impostors=scores.impostors if scores else 0,
        genuines=scores.genuines if scores else 0,
        thresholds=operating_points(scores) if scores else [],
        metrics=manifest.metrics,
    )


def detail(bundle: Bundle, provider: str) -> schemas.ModelDetail:
    """All that is known of a bundle, its card included."""
    manifest, scores, scale = bundle.manifest, bundle.manifest.score, bundle.manifest.quality
    return schemas.ModelDetail(
        **model(bundle, provider).model_dump(),
        created=manifest.created,
        parameters=manifest.parameters,
        loss_constants=manifest.loss.constants,
        flip_fusion=manifest.flip_fusion,
        files=dict(manifest.files),
        score_data=None if scores is None else scores.data,
        cllr=None if scores is None else scores.cllr,
        min_cllr=None if scores is None else scores.min_cllr,
        quality=None if scale is None else schemas.QualityScale(**scale.model_dump()),
        card=card(bundle),
    )


def card(bundle: Bundle) -> str | None:
    """The model card as it was verified; None where the bundle has none, or it was changed since."""
    path, expected = bundle.directory / CARD, bundle.manifest.files.get(CARD)
    try:
        if expected is None or sha256(path) != expected:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def named(models: Mapping[str, Model], name: str) -> Bundle:
    """The loaded bundle with this id, or this name if one has it. Raises ModelNotFound."""
    if name in models:
        return models[name].bundle
    found = [each.bundle for each in models.values() if each.bundle.manifest.name == name]
    if not found:
        raise ModelNotFound(f"No model {name!r} is loaded; /models lists those that are.")
    return found[0]


def operating_points(scores: ScoreCalibration) -> list[schemas.OperatingPoint]:
    """The calibrated thresholds and the evidence for each."""
    return [schemas.OperatingPoint(**point.model_dump()) for point in scores.thresholds]
