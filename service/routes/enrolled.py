"""The faces that are kept of a person."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from service import answers, gallery, schemas
from service.duplicates import Newcomers, Underway, check_duplicates, check_identity
from service.enrollment import Read, enroll, least_quality, read_all, seen
from service.errors import (
    BundleMismatch,
    CollectionNotFound,
    DuplicatePerson,
    FaceNotFound,
    IdentityConflict,
    IndexBuilding,
    LowQuality,
    NoFaceFound,
    NothingEnrolled,
    PersonNotFound,
    SeveralFacesFound,
    StorageFailed,
    StorageFull,
    TemplateCorrupt,
)
from service.pipeline import FaceFeatures
from service.problems import problems
from service.routes import bodies
from service.routes.answering import selection, urgency
from service.routes.idempotency import PROBLEMS, Once, Retry, document, told_person
from service.routes.serving import (
    COMMON,
    IMAGE,
    CollectionId,
    Enrolling,
    FaceId,
    Page,
    PersonId,
    Served,
)
from service.runtime import Service

router = APIRouter(prefix="/collections/{collection}/persons/{person}/faces", tags=["gallery"])
KNOWN = (*COMMON, CollectionNotFound, PersonNotFound)


@router.post(
    "",
    status_code=201,
    response_model=schemas.Enrollment,
    openapi_extra=bodies.documented(schemas.ImagesBody, "image", "images"),
    responses={
        200: {"model": schemas.Enrollment, "description": "A dry run; nothing was kept."},
        **problems(
            *KNOWN,
            *PROBLEMS,
            *IMAGE,
            NoFaceFound,
            SeveralFacesFound,
            LowQuality,
            NothingEnrolled,
            DuplicatePerson,
            IdentityConflict,
            IndexBuilding,
            BundleMismatch,
            TemplateCorrupt,
            StorageFailed,
            StorageFull,
        ),
    },
)
async def enroll_face(  # noqa: PLR0913 - path, query, body and three dependencies
    request: Request,
    collection: CollectionId,
    person: PersonId,
    query: Annotated[schemas.EnrollQuery, Query()],
    service: Served,
    underway: Enrolling,
    retry: Retry,
) -> Response:
    """Enrolls the one face of each image. Images that do not qualify are listed with the reason.

    Fails when none qualifies, when the faces are not of one person, and when they are those of
    somebody else in the collection. Images are not kept.
    """

    def told(made: tuple[gallery.Person, list[gallery.Face]]) -> Response:
        return document(answers.enrollment(*made, read), 201, Location=request.url.path)

    images = await bodies.images(request)
    once = retry.once(told, query, *images)
    if not query.dry_run:
        await asyncio.to_thread(service.gallery.recall, once)
    known = await asyncio.to_thread(service.gallery.person, collection, person)
    settings = await asyncio.to_thread(service.gallery.settings, collection)
    least = least_quality(service, settings)
    chosen, soon = selection(service, query), urgency(request, query)
    crops, before = bool(settings.keep_crops), None
    while (bundles := await asyncio.to_thread(service.gallery.bundles, collection)) != before:
        before, by = bundles, service.by(bundles[0])
        read = await read_all(by.pipeline, images, chosen, least, soon)
        faces = await seen(by, bundles, read, soon, crops=crops)
        new = _newcomers(by, collection, person, read, faces)
        try:
            if query.dry_run:
                await asyncio.to_thread(_check, by, new, underway.others(new), query)
                return document(answers.enrollment(known, [], read), 200)
            await asyncio.to_thread(_enroll, by, underway, new, query, faces, once)
        except BundleMismatch as error:  # it began to change its model, or was switched, meanwhile
            switched = error
        else:
            return once.response
    raise switched


def _newcomers(
    service: Service,
    collection: str,
    person: str,
    read: Sequence[Read],
    faces: Sequence[gallery.NewFace],
) -> Newcomers:
    images = [n for n, each in enumerate(read) if isinstance(each, FaceFeatures)]
    vectors = np.stack([face.embedding for face in faces])
    norms = np.array([face.norm for face in faces], np.float64)
    return Newcomers(collection, person, service.bundle.manifest.id, vectors, norms, tuple(images))


def _enroll(  # noqa: PLR0913 - who, and what is checked before they are kept
    service: Service,
    underway: Underway,
    new: Newcomers,
    query: schemas.EnrollQuery,
    faces: Sequence[gallery.NewFace],
    once: Once[tuple[gallery.Person, list[gallery.Face]]],
) -> None:
    with underway.entered(new) as earlier:
        _check(service, new, earlier, query)
        enroll(service.gallery, new.collection, new.person, faces, once)


def _check(
    service: Service, new: Newcomers, earlier: Sequence[Newcomers], query: schemas.EnrollQuery
) -> None:
    """Raises IdentityConflict and DuplicatePerson, unless they are allowed."""
    own = service.gallery.samples.of(new.collection, new.person, service.bundle.manifest.id)
    if not query.allow_conflict:
        check_identity(service.bundle.manifest.score, new, own)
    if not query.allow_duplicate:
        check_duplicates(service, new, own, earlier, mixed=query.allow_conflict)


@router.get("", responses=problems(*KNOWN, TemplateCorrupt))
def list_faces(
    collection: CollectionId, person: PersonId, page: Page, service: Served
) -> schemas.EnrolledFaces:
    """A page of the faces kept of a person, in the order they were enrolled."""
    found = service.gallery.faces(collection, person, page.after, page.limit)
    return schemas.EnrolledFaces(
        items=[answers.enrolled(each) for each in found.items], next=found.next
    )


@router.post(
    "/{face}/move",
    response_model=schemas.Person,
    responses=problems(
        *KNOWN, *PROBLEMS, FaceNotFound, TemplateCorrupt, StorageFailed, StorageFull
    ),
)
def move_face(  # noqa: PLR0913 - path, body and two dependencies
    collection: CollectionId,
    person: PersonId,
    face: FaceId,
    body: schemas.MoveBody,
    service: Served,
    retry: Retry,
) -> Response:
    """Gives a face that was enrolled under the wrong name to whom it shows; answers with them."""
    once = retry.once(told_person(200), body)
    service.gallery.move_face(collection, person, face, body.person, once)
    return once.response


@router.delete(
    "/{face}",
    status_code=204,
    responses=problems(*KNOWN, FaceNotFound, StorageFailed, StorageFull),
)
def delete_face(collection: CollectionId, person: PersonId, face: FaceId, service: Served) -> None:
    """Deletes one face; the person's template is computed anew from those left."""
    service.gallery.delete_face(collection, person, face)
