from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.persons import Persons
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    collection: str,
    *,
    after: None | str | Unset = UNSET,
    limit: int | Unset = 100,
    name: None | str | Unset = UNSET,
    external_id: None | str | Unset = UNSET,
    metadata: None | str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_after: None | str | Unset
    if isinstance(after, Unset):
        json_after = UNSET
    else:
        json_after = after
    params["after"] = json_after

    params["limit"] = limit

    json_name: None | str | Unset
    if isinstance(name, Unset):
        json_name = UNSET
    else:
        json_name = name
    params["name"] = json_name

    json_external_id: None | str | Unset
    if isinstance(external_id, Unset):
        json_external_id = UNSET
    else:
        json_external_id = external_id
    params["external_id"] = json_external_id

    json_metadata: None | str | Unset
    if isinstance(metadata, Unset):
        json_metadata = UNSET
    else:
        json_metadata = metadata
    params["metadata"] = json_metadata

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/collections/{collection}/persons".format(
            collection=quote(str(collection), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Persons | Problem | None:
    if response.status_code == 200:
        response_200 = Persons.from_dict(response.json())

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

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Persons | Problem]:
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
    after: None | str | Unset = UNSET,
    limit: int | Unset = 100,
    name: None | str | Unset = UNSET,
    external_id: None | str | Unset = UNSET,
    metadata: None | str | Unset = UNSET,
) -> Response[Persons | Problem]:
    """List Persons

     In the order they were created; those that fit, where a name, an id or metadata is given.

    Args:
        collection (str): The collection's id; `default` is always there.
        after (None | str | Unset): `next` of the last page.
        limit (int | Unset): Most items of the page. Default: 100.
        name (None | str | Unset): A part of the name, in any case.
        external_id (None | str | Unset): The whole external id; fast.
        metadata (None | str | Unset): A JSON object; only persons whose metadata contain it.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Persons | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        after=after,
        limit=limit,
        name=name,
        external_id=external_id,
        metadata=metadata,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    collection: str,
    *,
    client: AuthenticatedClient,
    after: None | str | Unset = UNSET,
    limit: int | Unset = 100,
    name: None | str | Unset = UNSET,
    external_id: None | str | Unset = UNSET,
    metadata: None | str | Unset = UNSET,
) -> Persons | Problem | None:
    """List Persons

     In the order they were created; those that fit, where a name, an id or metadata is given.

    Args:
        collection (str): The collection's id; `default` is always there.
        after (None | str | Unset): `next` of the last page.
        limit (int | Unset): Most items of the page. Default: 100.
        name (None | str | Unset): A part of the name, in any case.
        external_id (None | str | Unset): The whole external id; fast.
        metadata (None | str | Unset): A JSON object; only persons whose metadata contain it.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Persons | Problem
    """

    return sync_detailed(
        collection=collection,
        client=client,
        after=after,
        limit=limit,
        name=name,
        external_id=external_id,
        metadata=metadata,
    ).parsed


async def asyncio_detailed(
    collection: str,
    *,
    client: AuthenticatedClient,
    after: None | str | Unset = UNSET,
    limit: int | Unset = 100,
    name: None | str | Unset = UNSET,
    external_id: None | str | Unset = UNSET,
    metadata: None | str | Unset = UNSET,
) -> Response[Persons | Problem]:
    """List Persons

     In the order they were created; those that fit, where a name, an id or metadata is given.

    Args:
        collection (str): The collection's id; `default` is always there.
        after (None | str | Unset): `next` of the last page.
        limit (int | Unset): Most items of the page. Default: 100.
        name (None | str | Unset): A part of the name, in any case.
        external_id (None | str | Unset): The whole external id; fast.
        metadata (None | str | Unset): A JSON object; only persons whose metadata contain it.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Persons | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        after=after,
        limit=limit,
        name=name,
        external_id=external_id,
        metadata=metadata,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    collection: str,
    *,
    client: AuthenticatedClient,
    after: None | str | Unset = UNSET,
    limit: int | Unset = 100,
    name: None | str | Unset = UNSET,
    external_id: None | str | Unset = UNSET,
    metadata: None | str | Unset = UNSET,
) -> Persons | Problem | None:
    """List Persons

     In the order they were created; those that fit, where a name, an id or metadata is given.

    Args:
        collection (str): The collection's id; `default` is always there.
        after (None | str | Unset): `next` of the last page.
        limit (int | Unset): Most items of the page. Default: 100.
        name (None | str | Unset): A part of the name, in any case.
        external_id (None | str | Unset): The whole external id; fast.
        metadata (None | str | Unset): A JSON object; only persons whose metadata contain it.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Persons | Problem
    """

    return (
        await asyncio_detailed(
            collection=collection,
            client=client,
            after=after,
            limit=limit,
            name=name,
            external_id=external_id,
            metadata=metadata,
        )
    ).parsed
