"""The persons of a collection."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from service import answers, schemas
from service.errors import (
    CollectionNotFound,
    PersonExists,
    PersonNotFound,
    PreconditionFailed,
    StorageFailed,
    StorageFull,
    TemplateCorrupt,
)
from service.gallery import NewPerson, PersonFilter
from service.problems import problems
from service.routes.idempotency import PROBLEMS, Retry, told_person
from service.routes.serving import COMMON, CollectionId, Match, PersonId, Served, tagged

router = APIRouter(prefix="/collections/{collection}/persons", tags=["gallery"])
PERSON = "/{person}"
KNOWN = (*COMMON, CollectionNotFound, PersonNotFound)


@router.post(
    "",
    status_code=201,
    response_model=schemas.Person,
    responses=problems(
        *COMMON, *PROBLEMS, CollectionNotFound, PersonExists, StorageFailed, StorageFull
    ),
)
def create_person(
    collection: CollectionId, body: schemas.PersonBody, service: Served, retry: Retry
) -> Response:
    """A new person without faces; cannot be found until one is enrolled."""
    once = retry.once(told_person(201), body)
    service.gallery.create_person(collection, NewPerson(**body.model_dump()), once)
    return once.response


@router.get("", responses=problems(*COMMON, CollectionNotFound))
def list_persons(
    collection: CollectionId, query: Annotated[schemas.PersonsQuery, Query()], service: Served
) -> schemas.Persons:
    """In the order they were created; those that fit, where a name, an id or metadata is given."""
    where = PersonFilter(query.name, query.external_id, query.metadata or {})
    found = service.gallery.persons(collection, query.after, query.limit, where)
    return schemas.Persons(items=[answers.person(each) for each in found.items], next=found.next)


@router.get(PERSON, responses=problems(*KNOWN, TemplateCorrupt))
def get_person(
    collection: CollectionId, person: PersonId, service: Served, out: Response
) -> schemas.Person:
    """Who it is, with an ETag to change them by."""
    return answers.person(tagged(out, service.gallery.person(collection, person)))


@router.patch(
    PERSON,
    responses=problems(
        *KNOWN, PersonExists, TemplateCorrupt, PreconditionFailed, StorageFailed, StorageFull
    ),
)
def change_person(  # noqa: PLR0913 - path, body, header and two dependencies
    collection: CollectionId,
    person: PersonId,
    body: schemas.PersonPatch,
    match: Match,
    service: Served,
    out: Response,
) -> schemas.Person:
    """Changes what is given and nothing else; another `id` is another address from then on."""
    changes = body.model_dump(exclude_unset=True)
    return answers.person(
        tagged(out, service.gallery.change_person(collection, person, changes, match))
    )


@router.post(
    PERSON + "/merge",
    response_model=schemas.Person,
    responses=problems(*KNOWN, *PROBLEMS, TemplateCorrupt, StorageFailed, StorageFull),
)
def merge_persons(
    collection: CollectionId,
    person: PersonId,
    body: schemas.MergeBody,
    service: Served,
    retry: Retry,
) -> Response:
    """Two entries of one person become one: this one gets the source's faces and keeps its words."""
    once = retry.once(told_person(200), body)
    service.gallery.merge_persons(collection, body.source, person, once)
    return once.response


@router.delete(PERSON, status_code=204, responses=problems(*KNOWN, StorageFailed, StorageFull))
def delete_person(collection: CollectionId, person: PersonId, service: Served) -> None:
    """Deletes a person and every template of theirs."""
    service.gallery.delete_person(collection, person)
