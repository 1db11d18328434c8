"""Collections, their persons, and the persons' faces."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service import answers, schemas
from service.enrollment import enroll, read_all
from service.errors import (
    BundleMismatch,
    CollectionExists,
    CollectionNotFound,
    FaceNotFound,
    LowQuality,
    NoFaceFound,
    NothingEnrolled,
    PersonExists,
    PersonNotFound,
    SeveralFacesFound,
    StorageFull,
    TemplateCorrupt,
)
from service.gallery import NewPerson
from service.problems import problems
from service.routes import bodies
from service.routes.faces import selection
from service.routes.serving import COMMON, IMAGE, Served

router = APIRouter(prefix="/collections", tags=["gallery"])
PERSONS = "/{collection}/persons"
PERSON = PERSONS + "/{person}"
FACES = PERSON + "/faces"
Page = Annotated[schemas.PageQuery, Query()]


@router.post("", status_code=201, responses=problems(*COMMON, CollectionExists, StorageFull))
def create_collection(body: schemas.CollectionBody, service: Served) -> schemas.Collection:
    """A new, empty collection; its faces will belong to the running model."""
    return answers.collection(service.gallery.create_collection(body.id, body.name, body.metadata))


@router.get("", responses=problems(*COMMON))
def list_collections(page: Page, service: Served) -> schemas.Collections:
    found = service.gallery.collections(page.after, page.limit)
    return schemas.Collections(
        items=[answers.collection(each) for each in found.items], next=found.next
    )


@router.get("/{collection}", responses=problems(*COMMON, CollectionNotFound, TemplateCorrupt))
def get_collection(collection: schemas.Id, service: Served) -> schemas.Collection:
    return answers.collection(service.gallery.collection(collection))


@router.delete(
    "/{collection}", status_code=204, responses=problems(*COMMON, CollectionNotFound, StorageFull)
)
def delete_collection(collection: schemas.Id, service: Served) -> None:
    """Deletes a collection with everyone in it; `default` is emptied instead."""
    service.gallery.delete_collection(collection)


@router.post(
    PERSONS,
    status_code=201,
    responses=problems(*COMMON, CollectionNotFound, PersonExists, StorageFull),
)
def create_person(
    collection: schemas.Id, body: schemas.PersonBody, service: Served
) -> schemas.Person:
    """A new person without faces; cannot be found until one is enrolled."""
    person = NewPerson(**body.model_dump())
    return answers.person(service.gallery.create_person(collection, person))


@router.get(PERSONS, responses=problems(*COMMON, CollectionNotFound))
def list_persons(collection: schemas.Id, page: Page, service: Served) -> schemas.Persons:
    found = service.gallery.persons(collection, page.after, page.limit)
    return schemas.Persons(items=[answers.person(each) for each in found.items], next=found.next)


@router.get(
    PERSON, responses=problems(*COMMON, CollectionNotFound, PersonNotFound, TemplateCorrupt)
)
def get_person(collection: schemas.Id, person: schemas.Id, service: Served) -> schemas.Person:
    return answers.person(service.gallery.person(collection, person))


@router.delete(
    PERSON,
    status_code=204,
    responses=problems(*COMMON, CollectionNotFound, PersonNotFound, StorageFull),
)
def delete_person(collection: schemas.Id, person: schemas.Id, service: Served) -> None:
    """Deletes a person and every template of theirs."""
    service.gallery.delete_person(collection, person)


@router.post(
    FACES,
    status_code=201,
    openapi_extra=bodies.documented(schemas.ImagesBody, "image", "images"),
    responses=problems(
        *COMMON,
        *IMAGE,
        NoFaceFound,
        SeveralFacesFound,
        LowQuality,
        NothingEnrolled,
        CollectionNotFound,
        PersonNotFound,
        BundleMismatch,
        TemplateCorrupt,
        StorageFull,
    ),
)
async def enroll_face(  # noqa: PLR0913 - path, query, body and two dependencies
    request: Request,
    collection: schemas.Id,
    person: schemas.Id,
    query: Annotated[schemas.EnrollQuery, Query()],
    service: Served,
    out: Response,
) -> schemas.Enrollment:
    """Enrolls the one face of each image. Images that do not qualify are listed with the reason.

    Fails when none qualifies. Images are not kept.
    """
    await asyncio.to_thread(service.gallery.person, collection, person)
    images = await bodies.images(request)
    read = await read_all(service, images, selection(service, query))
    faces = await asyncio.to_thread(enroll, service.gallery, collection, person, read)
    kept = await asyncio.to_thread(service.gallery.person, collection, person)
    out.headers["Location"] = request.url.path
    return answers.enrollment(kept, faces, read)


@router.get(FACES, responses=problems(*COMMON, CollectionNotFound, PersonNotFound, TemplateCorrupt))
def list_faces(
    collection: schemas.Id, person: schemas.Id, page: Page, service: Served
) -> schemas.EnrolledFaces:
    found = service.gallery.faces(collection, person, page.after, page.limit)
    return schemas.EnrolledFaces(
        items=[answers.enrolled(each) for each in found.items], next=found.next
    )


@router.delete(
    FACES + "/{face}",
    status_code=204,
    responses=problems(*COMMON, CollectionNotFound, PersonNotFound, FaceNotFound, StorageFull),
)
def delete_face(
    collection: schemas.Id, person: schemas.Id, face: schemas.Id, service: Served
) -> None:
    """Deletes one face; the person's template is computed anew from those left."""
    service.gallery.delete_face(collection, person, face)
