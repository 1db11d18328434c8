from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.enroll_face_files_body import EnrollFaceFilesBody
from ...models.enroll_face_lane import EnrollFaceLane
from ...models.enrollment import Enrollment
from ...models.images_body import ImagesBody
from ...models.problem import Problem
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    collection: str,
    person: str,
    *,
    body: File | EnrollFaceFilesBody | ImagesBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: EnrollFaceLane | Unset = EnrollFaceLane.INTERACTIVE,
    validate: bool | Unset = False,
    allow_duplicate: bool | Unset = False,
    allow_conflict: bool | Unset = False,
    idempotency_key: None | str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

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

    params["validate"] = validate

    params["allow_duplicate"] = allow_duplicate

    params["allow_conflict"] = allow_conflict

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/collections/{collection}/persons/{person}/faces".format(
            collection=quote(str(collection), safe=""),
            person=quote(str(person), safe=""),
        ),
        "params": params,
    }

    if isinstance(body, File):
        _kwargs["content"] = body.payload
        headers["Content-Type"] = "application/octet-stream"
    if isinstance(body, EnrollFaceFilesBody):
        _kwargs["files"] = body.to_multipart()

        headers["Content-Type"] = "multipart/form-data; boundary=+++"
    if isinstance(body, ImagesBody):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Enrollment | Problem | None:
    if response.status_code == 200:
        response_200 = Enrollment.from_dict(response.json())

        return response_200

    if response.status_code == 201:
        response_201 = Enrollment.from_dict(response.json())

        return response_201

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


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Enrollment | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    collection: str,
    person: str,
    *,
    client: AuthenticatedClient,
    body: File | EnrollFaceFilesBody | ImagesBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: EnrollFaceLane | Unset = EnrollFaceLane.INTERACTIVE,
    validate: bool | Unset = False,
    allow_duplicate: bool | Unset = False,
    allow_conflict: bool | Unset = False,
    idempotency_key: None | str | Unset = UNSET,
) -> Response[Enrollment | Problem]:
    """Enroll Face

     Enrolls the one face of each image. Images that do not qualify are listed with the reason.

    Fails when none qualifies, when the faces are not of one person, and when they are those of
    somebody else in the collection. Images are not kept.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (EnrollFaceLane | Unset): bulk gets what the interactive requests leave: for imports,
            which nobody waits for. Default: EnrollFaceLane.INTERACTIVE.
        validate (bool | Unset): Whether everything is checked and answered as otherwise, with
            status 200, and nothing is kept. Default: False.
        allow_duplicate (bool | Unset): Enrolls faces that match another person of the collection.
            Default: False.
        allow_conflict (bool | Unset): Enrolls faces that are not like the person's own or one
            another. Default: False.
        idempotency_key (None | str | Unset): A value of your own, a UUID for example, new for
            each change: a repetition of the request within 24 hours gets the first answer and changes
            nothing.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (EnrollFaceFilesBody):
        body (ImagesBody): One or several images of the same person.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Enrollment | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        person=person,
        body=body,
        max_faces=max_faces,
        largest=largest,
        aligned=aligned,
        min_detection_score=min_detection_score,
        lane=lane,
        validate=validate,
        allow_duplicate=allow_duplicate,
        allow_conflict=allow_conflict,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    collection: str,
    person: str,
    *,
    client: AuthenticatedClient,
    body: File | EnrollFaceFilesBody | ImagesBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: EnrollFaceLane | Unset = EnrollFaceLane.INTERACTIVE,
    validate: bool | Unset = False,
    allow_duplicate: bool | Unset = False,
    allow_conflict: bool | Unset = False,
    idempotency_key: None | str | Unset = UNSET,
) -> Enrollment | Problem | None:
    """Enroll Face

     Enrolls the one face of each image. Images that do not qualify are listed with the reason.

    Fails when none qualifies, when the faces are not of one person, and when they are those of
    somebody else in the collection. Images are not kept.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (EnrollFaceLane | Unset): bulk gets what the interactive requests leave: for imports,
            which nobody waits for. Default: EnrollFaceLane.INTERACTIVE.
        validate (bool | Unset): Whether everything is checked and answered as otherwise, with
            status 200, and nothing is kept. Default: False.
        allow_duplicate (bool | Unset): Enrolls faces that match another person of the collection.
            Default: False.
        allow_conflict (bool | Unset): Enrolls faces that are not like the person's own or one
            another. Default: False.
        idempotency_key (None | str | Unset): A value of your own, a UUID for example, new for
            each change: a repetition of the request within 24 hours gets the first answer and changes
            nothing.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (EnrollFaceFilesBody):
        body (ImagesBody): One or several images of the same person.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Enrollment | Problem
    """

    return sync_detailed(
        collection=collection,
        person=person,
        client=client,
        body=body,
        max_faces=max_faces,
        largest=largest,
        aligned=aligned,
        min_detection_score=min_detection_score,
        lane=lane,
        validate=validate,
        allow_duplicate=allow_duplicate,
        allow_conflict=allow_conflict,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    collection: str,
    person: str,
    *,
    client: AuthenticatedClient,
    body: File | EnrollFaceFilesBody | ImagesBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: EnrollFaceLane | Unset = EnrollFaceLane.INTERACTIVE,
    validate: bool | Unset = False,
    allow_duplicate: bool | Unset = False,
    allow_conflict: bool | Unset = False,
    idempotency_key: None | str | Unset = UNSET,
) -> Response[Enrollment | Problem]:
    """Enroll Face

     Enrolls the one face of each image. Images that do not qualify are listed with the reason.

    Fails when none qualifies, when the faces are not of one person, and when they are those of
    somebody else in the collection. Images are not kept.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (EnrollFaceLane | Unset): bulk gets what the interactive requests leave: for imports,
            which nobody waits for. Default: EnrollFaceLane.INTERACTIVE.
        validate (bool | Unset): Whether everything is checked and answered as otherwise, with
            status 200, and nothing is kept. Default: False.
        allow_duplicate (bool | Unset): Enrolls faces that match another person of the collection.
            Default: False.
        allow_conflict (bool | Unset): Enrolls faces that are not like the person's own or one
            another. Default: False.
        idempotency_key (None | str | Unset): A value of your own, a UUID for example, new for
            each change: a repetition of the request within 24 hours gets the first answer and changes
            nothing.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (EnrollFaceFilesBody):
        body (ImagesBody): One or several images of the same person.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Enrollment | Problem]
    """

    kwargs = _get_kwargs(
        collection=collection,
        person=person,
        body=body,
        max_faces=max_faces,
        largest=largest,
        aligned=aligned,
        min_detection_score=min_detection_score,
        lane=lane,
        validate=validate,
        allow_duplicate=allow_duplicate,
        allow_conflict=allow_conflict,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    collection: str,
    person: str,
    *,
    client: AuthenticatedClient,
    body: File | EnrollFaceFilesBody | ImagesBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: EnrollFaceLane | Unset = EnrollFaceLane.INTERACTIVE,
    validate: bool | Unset = False,
    allow_duplicate: bool | Unset = False,
    allow_conflict: bool | Unset = False,
    idempotency_key: None | str | Unset = UNSET,
) -> Enrollment | Problem | None:
    """Enroll Face

     Enrolls the one face of each image. Images that do not qualify are listed with the reason.

    Fails when none qualifies, when the faces are not of one person, and when they are those of
    somebody else in the collection. Images are not kept.

    Args:
        collection (str): The collection's id; `default` is always there.
        person (str): The person's id.
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (EnrollFaceLane | Unset): bulk gets what the interactive requests leave: for imports,
            which nobody waits for. Default: EnrollFaceLane.INTERACTIVE.
        validate (bool | Unset): Whether everything is checked and answered as otherwise, with
            status 200, and nothing is kept. Default: False.
        allow_duplicate (bool | Unset): Enrolls faces that match another person of the collection.
            Default: False.
        allow_conflict (bool | Unset): Enrolls faces that are not like the person's own or one
            another. Default: False.
        idempotency_key (None | str | Unset): A value of your own, a UUID for example, new for
            each change: a repetition of the request within 24 hours gets the first answer and changes
            nothing.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (EnrollFaceFilesBody):
        body (ImagesBody): One or several images of the same person.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Enrollment | Problem
    """

    return (
        await asyncio_detailed(
            collection=collection,
            person=person,
            client=client,
            body=body,
            max_faces=max_faces,
            largest=largest,
            aligned=aligned,
            min_detection_score=min_detection_score,
            lane=lane,
            validate=validate,
            allow_duplicate=allow_duplicate,
            allow_conflict=allow_conflict,
            idempotency_key=idempotency_key,
        )
    ).parsed
