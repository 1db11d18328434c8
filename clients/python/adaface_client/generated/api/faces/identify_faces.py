from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.identification import Identification
from ...models.identify_body import IdentifyBody
from ...models.identify_faces_assignment import IdentifyFacesAssignment
from ...models.identify_faces_calibration import IdentifyFacesCalibration
from ...models.identify_faces_embedding import IdentifyFacesEmbedding
from ...models.identify_faces_files_body import IdentifyFacesFilesBody
from ...models.identify_faces_lane import IdentifyFacesLane
from ...models.problem import Problem
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    *,
    body: File | IdentifyFacesFilesBody | IdentifyBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: IdentifyFacesLane | Unset = IdentifyFacesLane.INTERACTIVE,
    embedding: IdentifyFacesEmbedding | Unset = IdentifyFacesEmbedding.NONE,
    collection: str | Unset = "default",
    fpir: float | None | Unset = UNSET,
    threshold: float | None | Unset = UNSET,
    limit: int | Unset = 5,
    metadata: None | str | Unset = UNSET,
    assignment: IdentifyFacesAssignment | Unset = IdentifyFacesAssignment.INDEPENDENT,
    calibration: IdentifyFacesCalibration | Unset = IdentifyFacesCalibration.SHIPPED,
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

    json_embedding: str | Unset = UNSET
    if not isinstance(embedding, Unset):
        json_embedding = embedding.value

    params["embedding"] = json_embedding

    params["collection"] = collection

    json_fpir: float | None | Unset
    if isinstance(fpir, Unset):
        json_fpir = UNSET
    else:
        json_fpir = fpir
    params["fpir"] = json_fpir

    json_threshold: float | None | Unset
    if isinstance(threshold, Unset):
        json_threshold = UNSET
    else:
        json_threshold = threshold
    params["threshold"] = json_threshold

    params["limit"] = limit

    json_metadata: None | str | Unset
    if isinstance(metadata, Unset):
        json_metadata = UNSET
    else:
        json_metadata = metadata
    params["metadata"] = json_metadata

    json_assignment: str | Unset = UNSET
    if not isinstance(assignment, Unset):
        json_assignment = assignment.value

    params["assignment"] = json_assignment

    json_calibration: str | Unset = UNSET
    if not isinstance(calibration, Unset):
        json_calibration = calibration.value

    params["calibration"] = json_calibration

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/identify",
        "params": params,
    }

    if isinstance(body, File):
        _kwargs["content"] = body.payload
        headers["Content-Type"] = "application/octet-stream"
    if isinstance(body, IdentifyFacesFilesBody):
        _kwargs["files"] = body.to_multipart()

        headers["Content-Type"] = "multipart/form-data; boundary=+++"
    if isinstance(body, IdentifyBody):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Identification | Problem | None:
    if response.status_code == 200:
        response_200 = Identification.from_dict(response.json())

        return response_200

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

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Identification | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: File | IdentifyFacesFilesBody | IdentifyBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: IdentifyFacesLane | Unset = IdentifyFacesLane.INTERACTIVE,
    embedding: IdentifyFacesEmbedding | Unset = IdentifyFacesEmbedding.NONE,
    collection: str | Unset = "default",
    fpir: float | None | Unset = UNSET,
    threshold: float | None | Unset = UNSET,
    limit: int | Unset = 5,
    metadata: None | str | Unset = UNSET,
    assignment: IdentifyFacesAssignment | Unset = IdentifyFacesAssignment.INDEPENDENT,
    calibration: IdentifyFacesCalibration | Unset = IdentifyFacesCalibration.SHIPPED,
) -> Response[Identification | Problem]:
    """Identify Faces

     Who of a collection the faces are, at a chosen false positive rate per search, or threshold.

    Several `images` are of one person, with one face each, and are searched for as one.

    Args:
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (IdentifyFacesLane | Unset): bulk gets what the interactive requests leave: for
            imports, which nobody waits for. Default: IdentifyFacesLane.INTERACTIVE.
        embedding (IdentifyFacesEmbedding | Unset): Form of the embeddings. Default:
            IdentifyFacesEmbedding.NONE.
        collection (str | Unset): The collection searched. Default: 'default'.
        fpir (float | None | Unset): Chance, per face, that a stranger is given a name.
        threshold (float | None | Unset): Similarity to decide at, in place of `fpir`.
        limit (int | Unset): Most candidates per face. Default: 5.
        metadata (None | str | Unset): A JSON object; only persons whose metadata contain it.
        assignment (IdentifyFacesAssignment | Unset): `unique` gives a person to at most one face
            of the photograph, and a face at most one candidate. Default:
            IdentifyFacesAssignment.INDEPENDENT.
        calibration (IdentifyFacesCalibration | Unset): Whether the rate is that of the bundle's
            calibration or of the collection's own. Default: IdentifyFacesCalibration.SHIPPED.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (IdentifyFacesFilesBody):
        body (IdentifyBody): An image whose faces are searched, images that show one person
            together, or embeddings.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Identification | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
        max_faces=max_faces,
        largest=largest,
        aligned=aligned,
        min_detection_score=min_detection_score,
        lane=lane,
        embedding=embedding,
        collection=collection,
        fpir=fpir,
        threshold=threshold,
        limit=limit,
        metadata=metadata,
        assignment=assignment,
        calibration=calibration,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: File | IdentifyFacesFilesBody | IdentifyBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: IdentifyFacesLane | Unset = IdentifyFacesLane.INTERACTIVE,
    embedding: IdentifyFacesEmbedding | Unset = IdentifyFacesEmbedding.NONE,
    collection: str | Unset = "default",
    fpir: float | None | Unset = UNSET,
    threshold: float | None | Unset = UNSET,
    limit: int | Unset = 5,
    metadata: None | str | Unset = UNSET,
    assignment: IdentifyFacesAssignment | Unset = IdentifyFacesAssignment.INDEPENDENT,
    calibration: IdentifyFacesCalibration | Unset = IdentifyFacesCalibration.SHIPPED,
) -> Identification | Problem | None:
    """Identify Faces

     Who of a collection the faces are, at a chosen false positive rate per search, or threshold.

    Several `images` are of one person, with one face each, and are searched for as one.

    Args:
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (IdentifyFacesLane | Unset): bulk gets what the interactive requests leave: for
            imports, which nobody waits for. Default: IdentifyFacesLane.INTERACTIVE.
        embedding (IdentifyFacesEmbedding | Unset): Form of the embeddings. Default:
            IdentifyFacesEmbedding.NONE.
        collection (str | Unset): The collection searched. Default: 'default'.
        fpir (float | None | Unset): Chance, per face, that a stranger is given a name.
        threshold (float | None | Unset): Similarity to decide at, in place of `fpir`.
        limit (int | Unset): Most candidates per face. Default: 5.
        metadata (None | str | Unset): A JSON object; only persons whose metadata contain it.
        assignment (IdentifyFacesAssignment | Unset): `unique` gives a person to at most one face
            of the photograph, and a face at most one candidate. Default:
            IdentifyFacesAssignment.INDEPENDENT.
        calibration (IdentifyFacesCalibration | Unset): Whether the rate is that of the bundle's
            calibration or of the collection's own. Default: IdentifyFacesCalibration.SHIPPED.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (IdentifyFacesFilesBody):
        body (IdentifyBody): An image whose faces are searched, images that show one person
            together, or embeddings.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Identification | Problem
    """

    return sync_detailed(
        client=client,
        body=body,
        max_faces=max_faces,
        largest=largest,
        aligned=aligned,
        min_detection_score=min_detection_score,
        lane=lane,
        embedding=embedding,
        collection=collection,
        fpir=fpir,
        threshold=threshold,
        limit=limit,
        metadata=metadata,
        assignment=assignment,
        calibration=calibration,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: File | IdentifyFacesFilesBody | IdentifyBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: IdentifyFacesLane | Unset = IdentifyFacesLane.INTERACTIVE,
    embedding: IdentifyFacesEmbedding | Unset = IdentifyFacesEmbedding.NONE,
    collection: str | Unset = "default",
    fpir: float | None | Unset = UNSET,
    threshold: float | None | Unset = UNSET,
    limit: int | Unset = 5,
    metadata: None | str | Unset = UNSET,
    assignment: IdentifyFacesAssignment | Unset = IdentifyFacesAssignment.INDEPENDENT,
    calibration: IdentifyFacesCalibration | Unset = IdentifyFacesCalibration.SHIPPED,
) -> Response[Identification | Problem]:
    """Identify Faces

     Who of a collection the faces are, at a chosen false positive rate per search, or threshold.

    Several `images` are of one person, with one face each, and are searched for as one.

    Args:
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (IdentifyFacesLane | Unset): bulk gets what the interactive requests leave: for
            imports, which nobody waits for. Default: IdentifyFacesLane.INTERACTIVE.
        embedding (IdentifyFacesEmbedding | Unset): Form of the embeddings. Default:
            IdentifyFacesEmbedding.NONE.
        collection (str | Unset): The collection searched. Default: 'default'.
        fpir (float | None | Unset): Chance, per face, that a stranger is given a name.
        threshold (float | None | Unset): Similarity to decide at, in place of `fpir`.
        limit (int | Unset): Most candidates per face. Default: 5.
        metadata (None | str | Unset): A JSON object; only persons whose metadata contain it.
        assignment (IdentifyFacesAssignment | Unset): `unique` gives a person to at most one face
            of the photograph, and a face at most one candidate. Default:
            IdentifyFacesAssignment.INDEPENDENT.
        calibration (IdentifyFacesCalibration | Unset): Whether the rate is that of the bundle's
            calibration or of the collection's own. Default: IdentifyFacesCalibration.SHIPPED.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (IdentifyFacesFilesBody):
        body (IdentifyBody): An image whose faces are searched, images that show one person
            together, or embeddings.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Identification | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
        max_faces=max_faces,
        largest=largest,
        aligned=aligned,
        min_detection_score=min_detection_score,
        lane=lane,
        embedding=embedding,
        collection=collection,
        fpir=fpir,
        threshold=threshold,
        limit=limit,
        metadata=metadata,
        assignment=assignment,
        calibration=calibration,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: File | IdentifyFacesFilesBody | IdentifyBody | Unset = UNSET,
    max_faces: int | None | Unset = UNSET,
    largest: bool | Unset = False,
    aligned: bool | Unset = False,
    min_detection_score: float | None | Unset = UNSET,
    lane: IdentifyFacesLane | Unset = IdentifyFacesLane.INTERACTIVE,
    embedding: IdentifyFacesEmbedding | Unset = IdentifyFacesEmbedding.NONE,
    collection: str | Unset = "default",
    fpir: float | None | Unset = UNSET,
    threshold: float | None | Unset = UNSET,
    limit: int | Unset = 5,
    metadata: None | str | Unset = UNSET,
    assignment: IdentifyFacesAssignment | Unset = IdentifyFacesAssignment.INDEPENDENT,
    calibration: IdentifyFacesCalibration | Unset = IdentifyFacesCalibration.SHIPPED,
) -> Identification | Problem | None:
    """Identify Faces

     Who of a collection the faces are, at a chosen false positive rate per search, or threshold.

    Several `images` are of one person, with one face each, and are searched for as one.

    Args:
        max_faces (int | None | Unset): Most faces to answer, largest first.
        largest (bool | Unset): Only the largest face. Default: False.
        aligned (bool | Unset): The image is an aligned 112x112 crop; nothing is detected.
            Default: False.
        min_detection_score (float | None | Unset): Replaces the bundle's detection threshold.
        lane (IdentifyFacesLane | Unset): bulk gets what the interactive requests leave: for
            imports, which nobody waits for. Default: IdentifyFacesLane.INTERACTIVE.
        embedding (IdentifyFacesEmbedding | Unset): Form of the embeddings. Default:
            IdentifyFacesEmbedding.NONE.
        collection (str | Unset): The collection searched. Default: 'default'.
        fpir (float | None | Unset): Chance, per face, that a stranger is given a name.
        threshold (float | None | Unset): Similarity to decide at, in place of `fpir`.
        limit (int | Unset): Most candidates per face. Default: 5.
        metadata (None | str | Unset): A JSON object; only persons whose metadata contain it.
        assignment (IdentifyFacesAssignment | Unset): `unique` gives a person to at most one face
            of the photograph, and a face at most one candidate. Default:
            IdentifyFacesAssignment.INDEPENDENT.
        calibration (IdentifyFacesCalibration | Unset): Whether the rate is that of the bundle's
            calibration or of the collection's own. Default: IdentifyFacesCalibration.SHIPPED.
        body (File): A JPEG, PNG or WebP file; its first bytes say which.
        body (IdentifyFacesFilesBody):
        body (IdentifyBody): An image whose faces are searched, images that show one person
            together, or embeddings.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Identification | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            max_faces=max_faces,
            largest=largest,
            aligned=aligned,
            min_detection_score=min_detection_score,
            lane=lane,
            embedding=embedding,
            collection=collection,
            fpir=fpir,
            threshold=threshold,
            limit=limit,
            metadata=metadata,
            assignment=assignment,
            calibration=calibration,
        )
    ).parsed
