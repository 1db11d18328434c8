"""What is wrong with who is enrolled."""

from __future__ import annotations

from fastapi import APIRouter

from service import answers, schemas
from service.errors import (
    BundleMismatch,
    CollectionNotFound,
    IndexBuilding,
    TemplateCorrupt,
    Uncalibrated,
    UnsupportedRate,
)
from service.gallery_health import examined
from service.problems import problems
from service.routes.serving import COMMON, CollectionId, Page, Served

router = APIRouter(prefix="/collections/{collection}", tags=["gallery"])


@router.get(
    "/health",
    responses=problems(
        *COMMON,
        CollectionNotFound,
        BundleMismatch,
        IndexBuilding,
        TemplateCorrupt,
        Uncalibrated,
        UnsupportedRate,
    ),
)
def examine_gallery(collection: CollectionId, page: Page, service: Served) -> schemas.GalleryHealth:
    """Outliers within persons, persons who may be one, and weak templates, a page of persons at a time.

    Nothing is changed: move, merge and delete as you find right.
    """
    by = service.by(service.gallery.bundle(collection))
    persons = service.gallery.persons(collection, page.after, page.limit)
    found = examined(by, collection, persons.items)
    return answers.gallery_health(by, collection, found, len(persons.items), persons.next)
