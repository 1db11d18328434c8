from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.move_body import MoveBody
from ...models.person import Person
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    collection: str,
    person: str,
    face: str,
    *,
    body: MoveBody,
    idempotency_key: None | str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/collections/{collection}/persons/{person}/faces/{face}/move".format(
            collection=quote(str(collection), safe=""),
            person=quote(str(person), safe=""),
            face=quote(str(face), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Person | Problem | None:
    if response.status_code == 200:
        response_200 = Person.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

    if response.status_code == 408:
        response_408 = Problem.from_dict(response.json())

        return response_408

    if response.status_code == 409:
        response_409 = Problem.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

    if response.status_code == 422:
        response_422 = Problem.from_dict(response.json())

        return response_422

    if response.status_code == 503:
        response_503 = Problem.from_dict(response.json())

        return response_503

    if response.status_code == 504:
        response_504 = Problem.from_dict(response.json())

        return response_504

    if response.status_code == 507:
        response_507 = Problem.from_dict(response.json())

        return response_507

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Person | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    collection: str,
    person: str,
    face: str,
    *,
    client: AuthenticatedClient,
    body: MoveBody,
    idempotency_key: None | str | Unset = UNSET,
) -> Response[Person | Problem]:
    """Move Face

     Gives a face that was enrolled under the wrong name to whom it shows; answers with them.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        face (str): The face's id.
        idempotency_key (None | str | Unset): A value of your own, a UUID for example, new for
            each change: a repetition of the request within 24 hours gets the first answer and changes
            nothing.
        body (MoveBody): Whom to give the face to.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Person | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        person=person,
        face=face,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    collection: str,
    person: str,
    face: str,
    *,
    client: AuthenticatedClient,
    body: MoveBody,
    idempotency_key: None | str | Unset = UNSET,
) -> Person | Problem | None:
    """Move Face

     Gives a face that was enrolled under the wrong name to whom it shows; answers with them.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        face (str): The face's id.
        idempotency_key (None | str | Unset): A value of your own, a UUID for example, new for
            each change: a repetition of the request within 24 hours gets the first answer and changes
            nothing.
        body (MoveBody): Whom to give the face to.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Person | Problem
    """

    return sync_detailed(
        collection=collection,
        person=person,
        face=face,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    collection: str,
    person: str,
    face: str,
    *,
    client: AuthenticatedClient,
    body: MoveBody,
    idempotency_key: None | str | Unset = UNSET,
) -> Response[Person | Problem]:
    """Move Face

     Gives a face that was enrolled under the wrong name to whom it shows; answers with them.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        face (str): The face's id.
        idempotency_key (None | str | Unset): A value of your own, a UUID for example, new for
            each change: a repetition of the request within 24 hours gets the first answer and changes
            nothing.
        body (MoveBody): Whom to give the face to.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Person | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        person=person,
        face=face,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    collection: str,
    person: str,
    face: str,
    *,
    client: AuthenticatedClient,
    body: MoveBody,
    idempotency_key: None | str | Unset = UNSET,
) -> Person | Problem | None:
    """Move Face

     Gives a face that was enrolled under the wrong name to whom it shows; answers with them.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        face (str): The face's id.
        idempotency_key (None | str | Unset): A value of your own, a UUID for example, new for
            each change: a repetition of the request within 24 hours gets the first answer and changes
            nothing.
        body (MoveBody): Whom to give the face to.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Person | Problem
    """

    return (
        await asyncio_detailed(
            collection=collection,
            person=person,
            face=face,
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
