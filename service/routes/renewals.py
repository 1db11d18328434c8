"""A collection changes its model: begun, supplied with what is missing, switched, ended."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request

from service import schemas
from service.changeover import Changeover
from service.enrollment import least_quality, read_all, seen
from service.errors import (
    BundleMismatch,
    CollectionNotFound,
    FaceNotFound,
    LowQuality,
    NoFaceFound,
    PersonNotFound,
    RenewalConflict,
    RenewalNotFound,
    SeveralFacesFound,
    StorageFailed,
    StorageFull,
    TemplateCorrupt,
)
from service.problems import problems
from service.routes import bodies
from service.routes.answering import selection, urgency
from service.routes.serving import (
    COMMON,
    IMAGE,
    Changing,
    CollectionId,
    FaceId,
    Page,
    PersonId,
    Served,
)
from service.runtime import Service

router = APIRouter(prefix="/collections/{collection}", tags=["gallery"])
KNOWN = (*COMMON, CollectionNotFound, RenewalNotFound)
TURNING = (*KNOWN, RenewalConflict, BundleMismatch, TemplateCorrupt, StorageFailed, StorageFull)
Turn = Annotated[schemas.TurnQuery, Query()]


@router.post(
    "/renewal",
    status_code=201,
    responses=problems(
        *COMMON,
        CollectionNotFound,
        RenewalConflict,
        BundleMismatch,
        TemplateCorrupt,
        StorageFailed,
        StorageFull,
    ),
)
def begin_renewal(
    collection: CollectionId, body: schemas.RenewalBody, service: Served, changing: Changing
) -> schemas.Renewal:
    """Begins to embed the collection's kept crops with another model; searches go on as before."""
    service.gallery.renewals.begin(collection, body.bundle)
    changing.wake(collection)
    return _told(service, changing, collection)


@router.get("/renewal", responses=problems(*KNOWN))
def get_renewal(collection: CollectionId, service: Served, changing: Changing) -> schemas.Renewal:
    """How far the change of the model is, and once it is ready what it would do to decisions."""
    return _told(service, changing, collection)


@router.get("/renewal/missing", responses=problems(*KNOWN))
def list_missing_faces(
    collection: CollectionId, page: Page, service: Served
) -> schemas.MissingFaces:
    """Faces of which no crop is kept: the other model needs an image of each. A page may be longer."""
    found = service.gallery.renewals.missing(collection, page.after, page.limit)
    items = [schemas.MissingFace(**each._asdict()) for each in found.items]
    return schemas.MissingFaces(items=items, next=found.next)


@router.put(
    "/persons/{person}/faces/{face}/crop",
    status_code=204,
    openapi_extra=bodies.documented(schemas.ImageBody, "image"),
    responses=problems(
        *COMMON,
        *IMAGE,
        CollectionNotFound,
        PersonNotFound,
        FaceNotFound,
        NoFaceFound,
        SeveralFacesFound,
        LowQuality,
        RenewalConflict,
        BundleMismatch,
        TemplateCorrupt,
        StorageFailed,
        StorageFull,
    ),
)
async def supply_crop(  # noqa: PLR0913 - path, query, body and two dependencies
    request: Request,
    collection: CollectionId,
    person: PersonId,
    face: FaceId,
    query: Annotated[schemas.FaceQuery, Query()],
    service: Served,
) -> None:
    """Gives the image that a face was enrolled from once more, for the model that is changed to.

    What the present model made of the face stays as it is.
    """
    image = await bodies.image(request)
    settings = await asyncio.to_thread(service.gallery.settings, collection)
    bundles = await asyncio.to_thread(service.gallery.bundles, collection)
    by, soon = service.by(bundles[0]), urgency(request, query)
    least, chosen = least_quality(service, settings), selection(service, query)
    read = await read_all(by.pipeline, [image], chosen, least, soon)
    [new] = await seen(by, bundles, read, soon, crops=bool(settings.keep_crops))
    await asyncio.to_thread(
        service.gallery.renewals.supply, collection, person, face, new.others, new.crop
    )


@router.post("/renewal/switch", responses=problems(*TURNING))
def switch_renewal(
    collection: CollectionId, query: Turn, service: Served, changing: Changing
) -> schemas.Renewal:
    """Searches with the new model from now on. Refused while faces are missing, unless dropped."""
    service.gallery.renewals.switch(collection, drop_missing=query.drop_missing)
    return _told(service, changing, collection)


@router.post("/renewal/rollback", responses=problems(*TURNING))
def roll_back_renewal(
    collection: CollectionId, query: Turn, service: Served, changing: Changing
) -> schemas.Renewal:
    """Searches with the model from before again."""
    service.gallery.renewals.rollback(collection, drop_missing=query.drop_missing)
    return _told(service, changing, collection)


@router.post("/renewal/finish", status_code=202, responses=problems(*TURNING))
def finish_renewal(collection: CollectionId, service: Served, changing: Changing) -> None:
    """Takes out what the model from before made of the faces: there is no way back."""
    service.gallery.renewals.finish(collection)
    changing.wake(collection)


@router.delete("/renewal", status_code=202, responses=problems(*TURNING))
def cancel_renewal(collection: CollectionId, service: Served, changing: Changing) -> None:
    """Before the switch: takes out what the other model made of the faces; all stays as it was."""
    service.gallery.renewals.cancel(collection)
    changing.wake(collection)


def _told(service: Service, changing: Changeover, collection: str) -> schemas.Renewal:
    found, progress = service.gallery.renewals.state(collection), changing.progress(collection)
    rate, compared = progress.rate, progress.agreement
    return schemas.Renewal(
        state=found.state,
        before=found.before,
        after=found.after,
        faces=found.faces,
        done=found.done,
        missing=found.missing,
        failed=progress.failed,
        faces_per_second=None if rate is None else round(rate, 1),
        seconds_left=None if rate is None else round(found.waiting / rate, 1),
        error=progress.error,
        agreement=None if compared is None else schemas.Agreement(**asdict(compared)),
    )
