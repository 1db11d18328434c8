from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.image_body import ImageBody
from ...models.problem import Problem
from ...models.supply_crop_files_body import SupplyCropFilesBody
from ...models.supply_crop_lane import SupplyCropLane
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    collection: str,
    person: str,
    face: str,
    *,
    body: File | SupplyCropFilesBody | ImageBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: SupplyCropLane | Unset = SupplyCropLane.INTERACTIVE,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    json_max_faces: int | None | Unset
    if isinstance(max_faces, Unset):
        json_max_faces = UNSET
    else:
        json_max_faces = max_faces
    params["max_faces"] = json_max_faces

    params["largest"] = largest

    params["aligned"] = aligned

    json_min_detection_score: float | None | Unset
    if isinstance(min_detection_score, Unset):
        json_min_detection_score = UNSET
    else:
        json_min_detection_score = min_detection_score
    params["min_detection_score"] = json_min_detection_score

    json_lane: str | Unset = UNSET
    if not isinstance(lane, Unset):
        json_lane = lane.value

    params["lane"] = json_lane

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/collections/{collection}/persons/{person}/faces/{face}/crop".format(
            collection=quote(str(collection), safe=""),
            person=quote(str(person), safe=""),
            face=quote(str(face), safe=""),
        ),
        "params": params,
    }

    if isinstance(body, File):
        _kwargs["content"] = body.payload
        headers["Content-Type"] = "application/octet-stream"
    if isinstance(body, SupplyCropFilesBody):
        _kwargs["files"] = body.to_multipart()

        headers["Content-Type"] = "multipart/form-data; boundary=+++"
    if isinstance(body, ImageBody):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Any | Problem | None:
    if response.status_code == 204:
        response_204 = cast(Any, None)
        return response_204

    if response.status_code == 400:
        response_400 = Problem.from_dict(response.json())

        return response_400

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Any | Problem]:
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
    body: File | SupplyCropFilesBody | ImageBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: SupplyCropLane | Unset = SupplyCropLane.INTERACTIVE,
) -> Response[Any | Problem]:
    """Supply Crop

     Gives the image that a face was enrolled from once more, for the model that is changed to.

    What the present model made of the face stays as it is.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        face (str): The face's id.
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (SupplyCropLane | Unset): bulk gets what the interactive requests leave: for imports,
            which nobody waits for. Default: SupplyCropLane.INTERACTIVE.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (SupplyCropFilesBody):
        body (ImageBody): One image in JSON.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        person=person,
        face=face,
        body=body,
        max_faces=max_faces,
        largest=largest,
        aligned=aligned,
        min_detection_score=min_detection_score,
        lane=lane,
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
    body: File | SupplyCropFilesBody | ImageBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: SupplyCropLane | Unset = SupplyCropLane.INTERACTIVE,
) -> Any | Problem | None:
    """Supply Crop

     Gives the image that a face was enrolled from once more, for the model that is changed to.

    What the present model made of the face stays as it is.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        face (str): The face's id.
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (SupplyCropLane | Unset): bulk gets what the interactive requests leave: for imports,
            which nobody waits for. Default: SupplyCropLane.INTERACTIVE.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (SupplyCropFilesBody):
        body (ImageBody): One image in JSON.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Problem
    """

    return sync_detailed(
        collection=collection,
        person=person,
        face=face,
        client=client,
        body=body,
        max_faces=max_faces,
        largest=largest,
        aligned=aligned,
        min_detection_score=min_detection_score,
        lane=lane,
    ).parsed


async def asyncio_detailed(
    collection: str,
    person: str,
    face: str,
    *,
    client: AuthenticatedClient,
    body: File | SupplyCropFilesBody | ImageBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: SupplyCropLane | Unset = SupplyCropLane.INTERACTIVE,
) -> Response[Any | Problem]:
    """Supply Crop

     Gives the image that a face was enrolled from once more, for the model that is changed to.

    What the present model made of the face stays as it is.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        face (str): The face's id.
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (SupplyCropLane | Unset): bulk gets what the interactive requests leave: for imports,
            which nobody waits for. Default: SupplyCropLane.INTERACTIVE.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (SupplyCropFilesBody):
        body (ImageBody): One image in JSON.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        person=person,
        face=face,
        body=body,
        max_faces=max_faces,
        largest=largest,
        aligned=aligned,
        min_detection_score=min_detection_score,
        lane=lane,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    collection: str,
    person: str,
    face: str,
    *,
    client: AuthenticatedClient,
    body: File | SupplyCropFilesBody | ImageBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: SupplyCropLane | Unset = SupplyCropLane.INTERACTIVE,
) -> Any | Problem | None:
    """Supply Crop

     Gives the image that a face was enrolled from once more, for the model that is changed to.

    What the present model made of the face stays as it is.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        face (str): The face's id.
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (SupplyCropLane | Unset): bulk gets what the interactive requests leave: for imports,
            which nobody waits for. Default: SupplyCropLane.INTERACTIVE.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (SupplyCropFilesBody):
        body (ImageBody): One image in JSON.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Problem
    """

    return (
        await asyncio_detailed(
            collection=collection,
            person=person,
            face=face,
            client=client,
            body=body,
            max_faces=max_faces,
            largest=largest,
            aligned=aligned,
            min_detection_score=min_detection_score,
            lane=lane,
        )
    ).parsed
