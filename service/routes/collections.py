"""Collections: galleries of their own."""

from __future__ import annotations

from fastapi import APIRouter, Response

from service import answers, schemas
from service.errors import (
    CollectionExists,
    CollectionNotFound,
    PreconditionFailed,
    RenewalConflict,
    StorageFailed,
    StorageFull,
    TemplateCorrupt,
)
from service.problems import problems
from service.routes.idempotency import PROBLEMS, Retry, told_collection
from service.routes.serving import COMMON, Changing, CollectionId, Match, Page, Served, tagged
from service.site_calibration import SiteCalibrations

router = APIRouter(prefix="/collections", tags=["gallery"])
COLLECTION = "/{collection}"


@router.post(
    "",
    status_code=201,
    response_model=schemas.Collection,
    responses=problems(*COMMON, *PROBLEMS, CollectionExists, StorageFailed, StorageFull),
)
def create_collection(body: schemas.CollectionBody, service: Served, retry: Retry) -> Response:
    """A new, empty collection; its faces will belong to the running model."""
    settings = body.settings.model_dump(exclude_none=True)
    once = retry.once(told_collection, body)
    service.gallery.create_collection(body.id, body.name, body.metadata, settings, once)
    return once.response


@router.get("", responses=problems(*COMMON))
def list_collections(page: Page, service: Served) -> schemas.Collections:
    """A page of them, in the order they were created."""
    found = service.gallery.collections(page.after, page.limit)
    return schemas.Collections(
        items=[answers.collection(each) for each in found.items], next=found.next
    )


@router.get(COLLECTION, responses=problems(*COMMON, CollectionNotFound, TemplateCorrupt))
def get_collection(collection: CollectionId, service: Served, out: Response) -> schemas.Collection:
    """How many are in it and how it is set, with an ETag to change it by."""
    return answers.collection(tagged(out, service.gallery.collection(collection)))


@router.patch(
    COLLECTION,
    responses=problems(
        *COMMON,
        CollectionNotFound,
        TemplateCorrupt,
        RenewalConflict,
        PreconditionFailed,
        StorageFailed,
        StorageFull,
    ),
)
def change_collection(  # noqa: PLR0913 - path, body, header and three dependencies
    collection: CollectionId,
    body: schemas.CollectionPatch,
    match: Match,
    service: Served,
    changing: Changing,
    out: Response,
) -> schemas.Collection:
    """Changes what is given and nothing else.

    With another `template` the old one answers until an index of the new one is there.
    """
    changes = body.model_dump(exclude_unset=True)
    changed = service.gallery.change_collection(collection, changes, match)
    changing.look()
    return answers.collection(tagged(out, changed))


@router.delete(
    COLLECTION,
    status_code=204,
    responses=problems(*COMMON, CollectionNotFound, StorageFailed, StorageFull),
)
def delete_collection(collection: CollectionId, service: Served) -> None:
    """Deletes a collection with everyone in it; `default` is emptied instead."""
    service.gallery.delete_collection(collection)
    SiteCalibrations(service.settings.data_dir).remove(collection)
