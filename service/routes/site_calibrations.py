"""A collection's own calibration: made, read, and taken away."""

from __future__ import annotations

from fastapi import APIRouter

from service import answers, schemas
from service.errors import (
    BundleMismatch,
    CalibrationImpossible,
    CalibrationNotFound,
    CollectionNotFound,
    StorageFull,
    TemplateCorrupt,
)
from service.problems import problems
from service.routes.serving import COMMON, CollectionId, Served
from service.site_calibration import SiteCalibrations, calibrated

router = APIRouter(prefix="/collections/{collection}/calibration", tags=["gallery"])
KNOWN = (*COMMON, CollectionNotFound, TemplateCorrupt)


@router.post(
    "",
    status_code=201,
    responses=problems(*KNOWN, BundleMismatch, CalibrationImpossible, StorageFull),
)
def calibrate_collection(collection: CollectionId, service: Served) -> schemas.Calibration:
    """Measures thresholds on up to 3,000 faces of the collection, and keeps them beside the bundle's.

    Searches use them where they ask for calibration=site, and nowhere else.
    """
    made = calibrated(service, service.gallery.collection(collection))
    SiteCalibrations(service.settings.data_dir).keep(made)
    return answers.calibration(made)


@router.get("", responses=problems(*KNOWN, CalibrationNotFound))
def get_calibration(collection: CollectionId, service: Served) -> schemas.Calibration:
    """The collection's own calibration; that of the bundle is at /models."""
    kept = SiteCalibrations(service.settings.data_dir)
    return answers.calibration(kept.current(service.gallery.collection(collection)))


@router.delete("", status_code=204, responses=problems(*KNOWN))
def delete_calibration(collection: CollectionId, service: Served) -> None:
    """Takes the collection's own calibration away, if there is one."""
    SiteCalibrations(service.settings.data_dir).remove(service.gallery.collection(collection).id)
