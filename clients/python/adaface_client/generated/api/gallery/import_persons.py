from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.import_persons_on_conflict import ImportPersonsOnConflict
from ...models.imported import Imported
from ...models.problem import Problem
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    collection: str,
    *,
    body: File | File | Unset = UNSET,
    on_conflict: ImportPersonsOnConflict | Unset = ImportPersonsOnConflict.FAIL,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    json_on_conflict: str | Unset = UNSET
    if not isinstance(on_conflict, Unset):
        json_on_conflict = on_conflict.value

    params["on_conflict"] = json_on_conflict

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/collections/{collection}/import".format(
            collection=quote(str(collection), safe=""),
        ),
        "params": params,
    }

    if isinstance(body, File):
        _kwargs["content"] = body.payload
        headers["Content-Type"] = "application/zip"
    if isinstance(body, File):
        _kwargs["content"] = body.payload
        headers["Content-Type"] = "application/octet-stream"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Imported | Problem | None:
    if response.status_code == 200:
        response_200 = Imported.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 408:
        response_408 = Problem.from_dict(response.json())

        return response_408

    if response.status_code == 409:
        response_409 = Problem.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = Problem.from_dict(response.json())

        return response_415

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Imported | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    collection: str,
    *,
    client: AuthenticatedClient,
    body: File | File | Unset = UNSET,
    on_conflict: ImportPersonsOnConflict | Unset = ImportPersonsOnConflict.FAIL,
) -> Response[Imported | Problem]:
    """Import Persons

     All persons of a part, with their ids and times, or none; the collection is created if missing.

    Who is there already and is the same stays, so that a part can be sent again.

    Args:
        collection (str): The collection's id; `default` is always there.
        on_conflict (ImportPersonsOnConflict | Unset): What to do where a person is there already
            and differs: refuse the whole part, leave the person as they are, or put the imported one
            in their place. Default: ImportPersonsOnConflict.FAIL.
        body (File):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Imported | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        body=body,
        on_conflict=on_conflict,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    collection: str,
    *,
    client: AuthenticatedClient,
    body: File | File | Unset = UNSET,
    on_conflict: ImportPersonsOnConflict | Unset = ImportPersonsOnConflict.FAIL,
) -> Imported | Problem | None:
    """Import Persons

     All persons of a part, with their ids and times, or none; the collection is created if missing.

    Who is there already and is the same stays, so that a part can be sent again.

    Args:
        collection (str): The collection's id; `default` is always there.
        on_conflict (ImportPersonsOnConflict | Unset): What to do where a person is there already
            and differs: refuse the whole part, leave the person as they are, or put the imported one
            in their place. Default: ImportPersonsOnConflict.FAIL.
        body (File):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Imported | Problem
    """

    return sync_detailed(
        collection=collection,
        client=client,
        body=body,
        on_conflict=on_conflict,
    ).parsed


async def asyncio_detailed(
    collection: str,
    *,
    client: AuthenticatedClient,
    body: File | File | Unset = UNSET,
    on_conflict: ImportPersonsOnConflict | Unset = ImportPersonsOnConflict.FAIL,
) -> Response[Imported | Problem]:
    """Import Persons

     All persons of a part, with their ids and times, or none; the collection is created if missing.

    Who is there already and is the same stays, so that a part can be sent again.

    Args:
        collection (str): The collection's id; `default` is always there.
        on_conflict (ImportPersonsOnConflict | Unset): What to do where a person is there already
            and differs: refuse the whole part, leave the person as they are, or put the imported one
            in their place. Default: ImportPersonsOnConflict.FAIL.
        body (File):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Imported | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        body=body,
        on_conflict=on_conflict,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    collection: str,
    *,
    client: AuthenticatedClient,
    body: File | File | Unset = UNSET,
    on_conflict: ImportPersonsOnConflict | Unset = ImportPersonsOnConflict.FAIL,
) -> Imported | Problem | None:
    """Import Persons

     All persons of a part, with their ids and times, or none; the collection is created if missing.

    Who is there already and is the same stays, so that a part can be sent again.

    Args:
        collection (str): The collection's id; `default` is always there.
        on_conflict (ImportPersonsOnConflict | Unset): What to do where a person is there already
            and differs: refuse the whole part, leave the person as they are, or put the imported one
            in their place. Default: ImportPersonsOnConflict.FAIL.
        body (File):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Imported | Problem
    """

    return (
        await asyncio_detailed(
            collection=collection,
            client=client,
            body=body,
            on_conflict=on_conflict,
        )
    ).parsed
