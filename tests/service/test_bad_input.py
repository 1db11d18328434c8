"""Bad input gets a documented problem, and the server goes on."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable

import httpx
import numpy as np
import pytest

from tests import images, photographs

from .serving import problem

JPEG = {"Content-Type": "image/jpeg"}
Body = Callable[[], bytes]

REFUSED: dict[str, tuple[Body, tuple[int, str]]] = {
    "not an image": (lambda: b"hello, this is text", (400, "undecodable-image")),
    "truncated": (lambda: images.truncated(photographs.group()), (400, "undecodable-image")),
    "closed again": (lambda: images.closed_again(photographs.group()), (400, "undecodable-image")),
    "zero bytes": (lambda: b"", (400, "empty-image")),
    "a GIF": (lambda: b"GIF89a" + bytes(100), (415, "unsupported-image")),
    "100 megapixels claimed": (images.huge_header_jpeg, (413, "image-too-large")),
    "a bomb": (images.bomb_png, (413, "image-too-large")),
    "two headers": (images.two_headed_png, (400, "undecodable-image")),
}
ACCEPTED: dict[str, Body] = {
    "animated WebP": images.animated_webp,
    "animated PNG": images.animated_png,
    "CMYK": lambda: images.cmyk_jpeg(images.scene()),
    "16-bit": lambda: images.png16(np.full((64, 64, 3), 40_000, np.uint16)),
    "alpha": lambda: images.png(np.zeros((64, 64, 4), np.uint8)),
    **{f"orientation {n}": lambda n=n: images.oriented_jpeg(n) for n in range(1, 9)},
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("path", ["/detect", "/embed", "/identify"])
def test_a_bad_image_is_refused_with_its_cause(client: httpx.Client, path: str, name: str) -> None:
    body, expected = REFUSED[name]
    assert problem(client.post(path, content=body(), headers=JPEG)) == expected


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_unusual_image_is_read(client: httpx.Client, name: str) -> None:
    answer = client.post("/detect", content=ACCEPTED[name](), headers=JPEG)
    assert answer.status_code == 200, answer.text
    assert answer.json()["width"] > 0


def test_the_content_type_must_be_one_that_carries_an_image(client: httpx.Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post("/embed", content=photographs.group(), headers={"Content-Type": kind})
        assert problem(answer) == (415, "unsupported-media")
        assert "image/jpeg" in answer.json()["detail"]


def test_a_body_over_the_limit_is_refused(client: httpx.Client) -> None:
    announced = client.post("/embed", content=bytes(15_000_001), headers=JPEG)
    assert problem(announced) == (413, "body-too-large")
    chunked = client.post("/embed", content=iter([bytes(1_000_000)] * 16), headers=JPEG)
    assert problem(chunked) == (413, "body-too-large")


def test_no_face_is_a_problem_where_one_is_needed(client: httpx.Client, collection: str) -> None:
    empty = photographs.without_faces("coffee.png")
    files = {"source": photographs.astronaut(), "target": empty}
    answer = client.post("/verify", files=files)
    assert problem(answer) == (422, "no-face-found")
    assert answer.json()["detail"].startswith("target")
    assert problem(client.post("/identify", content=empty, headers=JPEG)) == (422, "no-face-found")
    client.post(f"/collections/{collection}/persons", json={"id": "ann"})
    path = f"/collections/{collection}/persons/ann/faces"
    assert problem(client.post(path, content=empty, headers=JPEG)) == (422, "no-face-found")


def test_several_faces_are_a_problem_where_one_is_needed(
    client: httpx.Client, collection: str
) -> None:
    files = {"source": photographs.group(), "target": photographs.group()}
    assert problem(client.post("/verify", files=files)) == (422, "several-faces-found")
    assert client.post("/verify", files=files, params={"largest": True}).status_code == 200
    client.post(f"/collections/{collection}/persons", json={"id": "ann"})
    path = f"/collections/{collection}/persons/ann/faces"
    answer = client.post(path, content=photographs.group(), headers=JPEG)
    assert problem(answer) == (422, "several-faces-found")


def test_an_aligned_crop_of_another_size_is_refused(client: httpx.Client) -> None:
    answer = client.post(
        "/embed", content=photographs.astronaut(), headers=JPEG, params={"aligned": True}
    )
    assert problem(answer) == (422, "not-aligned")


@pytest.mark.parametrize(
    "vector",
    [
        [0.1] * 127,
        [0.0] * 128,
        base64.b64encode(np.full(128, math.nan, "<f4").tobytes()).decode(),
        base64.b64encode(np.full(128, math.inf, "<f4").tobytes()).decode(),
        base64.b64encode(bytes(511)).decode(),
        "not base64!",
    ],
)
def test_an_unusable_embedding_is_refused(client: httpx.Client, vector: object) -> None:
    body = {"source": {"embedding": vector}, "target": {"embedding": [0.5] * 128}}
    assert problem(client.post("/verify", json=body)) == (422, "invalid-embedding")
    assert problem(client.post("/identify", json={"embeddings": [vector]})) == (
        422,
        "invalid-embedding",
    )


def test_nan_in_json_is_refused(client: httpx.Client) -> None:
    body = json.dumps({"embeddings": [[math.nan] * 128]}).encode()
    answer = client.post("/identify", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer)[0] == 422


def test_unknown_ids_are_not_found(client: httpx.Client, collection: str) -> None:
    body, persons = photographs.astronaut(), f"/collections/{collection}/persons"
    unknown = {"collection": "nobody"}
    answer = client.post("/identify", content=body, headers=JPEG, params=unknown)
    assert problem(answer) == (404, "collection-not-found")
    assert problem(client.get("/collections/nobody")) == (404, "collection-not-found")
    assert problem(client.get(f"{persons}/nobody")) == (404, "person-not-found")
    faces = f"{persons}/nobody/faces"
    assert problem(client.post(faces, content=body, headers=JPEG)) == (404, "person-not-found")
    client.post(persons, json={"id": "ann"})
    assert problem(client.delete(f"{persons}/ann/faces/nothing")) == (404, "face-not-found")
    assert problem(client.get("/nowhere")) == (404, "not-found")
    assert problem(client.get("/embed")) == (405, "method-not-allowed")


def test_duplicates_are_conflicts(client: httpx.Client, collection: str) -> None:
    assert problem(client.post("/collections", json={"id": collection})) == (
        409,
        "collection-exists",
    )
    persons = f"/collections/{collection}/persons"
    assert client.post(persons, json={"id": "ann"}).status_code == 201
    assert problem(client.post(persons, json={"id": "ann"})) == (409, "person-exists")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/embed", b"{"),
        ("/embed", b'{"picture": ""}'),
        ("/verify", b'{"source": {}, "target": {}}'),
        ("/identify", b"{}"),
        ("/identify", b'{"image": "", "embeddings": [[1]]}'),
        ("/collections", b'{"id": "a/b"}'),
        ("/collections", b'{"id": "x", "colour": 1}'),
        ("/collections/default/persons", b'{"id": ""}'),
    ],
)
def test_a_document_that_does_not_fit_is_refused(
    client: httpx.Client, path: str, body: bytes
) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert problem(answer) == (422, "invalid-request")


@pytest.mark.parametrize(
    "query", ["max_faces=0", "max_faces=x", "largest=2", "embedding=hex", "lagrest=true"]
)
def test_a_query_that_does_not_fit_is_refused(client: httpx.Client, query: str) -> None:
    answer = client.post(f"/embed?{query}", content=photographs.astronaut(), headers=JPEG)
    assert problem(answer) == (422, "invalid-request")


def test_base64_that_is_none_is_refused(client: httpx.Client) -> None:
    answer = client.post("/embed", json={"image": "*** no base64 ***"})
    assert problem(answer) == (400, "undecodable-image")


def test_a_rate_without_calibration_is_refused(client: httpx.Client) -> None:
    vector = [0.5] * 128
    body = {"source": {"embedding": vector}, "target": {"embedding": vector}}
    answer = client.post("/verify", json=body, params={"fmr": 0.5})
    assert problem(answer) == (422, "unsupported-rate")


def test_a_malformed_form_is_refused(client: httpx.Client) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert problem(client.post("/embed", content=b"--y\r\nrubbish", headers=kind))[0] == 422
    assert problem(client.post("/embed", files={"picture": b"x"})) == (422, "invalid-request")


def test_words_that_cannot_be_kept_are_refused(client: httpx.Client) -> None:
    for body in (
        {"expires_at": "0001-01-01T00:00:00+05:00"},  # before the year 1 in UTC
        {"metadata": {"half": "\ud800"}},  # no answer could hold it
    ):
        kind = {"Content-Type": "application/json"}
        answer = client.post("/collections/default/persons", content=json.dumps(body), headers=kind)
        assert problem(answer) == (422, "invalid-request")


def test_the_server_still_answers_after_all_of_it(client: httpx.Client) -> None:
    for body, _ in REFUSED.values():
        client.post("/embed", content=body(), headers=JPEG)
    answer = client.post("/embed", content=photographs.astronaut(), headers=JPEG)
    assert len(answer.json()["faces"]) == 1
    assert client.get("/readyz").json() == {"status": "ok", "waiting_for": []}
