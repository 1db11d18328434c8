"""What `/detect/batch` and `/embed/batch` promise: an answer for each image, in its place."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from service.schemas import Batch
from tests import photographs

from .serving import problem

IMAGES = {
    "portrait": photographs.portrait(),
    "broken": photographs.portrait()[:5000],
    "nobody": photographs.without_faces("coffee.png"),
    "astronaut": photographs.astronaut(),
    "empty": b"",
    "group": photographs.group(),
    "text": b"not an image at all",
}


def alone(client: httpx.Client, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    answer = client.post(path, content=body, headers={"Content-Type": "application/octet-stream"})
    return answer.status_code, answer.json()


def check(items: list[dict[str, Any]], expected: list[tuple[int, dict[str, Any]]]) -> None:
    """Each item is what its image was answered alone."""
    assert [item["index"] for item in items] == list(range(len(expected)))
    for item, (status, document) in zip(items, expected, strict=True):
        assert item["status"] == status
        if status == 200:
            assert item["problem"] is None
            assert item["image"] == {k: v for k, v in document.items() if k != "bundle"}
        else:
            assert item["image"] is None
            assert item["problem"] == {k: v for k, v in document.items() if k != "request_id"}


@pytest.mark.parametrize("path", ["/detect", "/embed"])
@pytest.mark.parametrize("as_json", [False, True], ids=["multipart", "json"])
def test_every_image_is_answered_as_alone_and_bad_ones_spoil_no_other(
    client: httpx.Client, path: str, as_json: bool
) -> None:
    order = [*IMAGES, *reversed(IMAGES)]
    bodies = [IMAGES[name] for name in order]
    if as_json:
        coded = [base64.b64encode(body).decode() for body in bodies]
        answer = client.post(f"{path}/batch", json={"images": coded})
    else:
        files = [("images", (f"{n}.jpg", body)) for n, body in enumerate(bodies)]
        answer = client.post(f"{path}/batch", files=files)
    assert answer.status_code == 200, answer.text
    Batch.model_validate_json(answer.content)
    expected = {name: alone(client, path, body) for name, body in IMAGES.items()}
    assert {status for status, _ in expected.values()} == {200, 400}
    # Alone it is the body that is empty.
    expected["empty"][1]["detail"] = "The image has zero bytes."
    check(answer.json()["items"], [expected[name] for name in order])
    assert "decode;dur=" in answer.headers["server-timing"]


def test_bad_base64_is_the_problem_of_its_own_image(client: httpx.Client) -> None:
    good = base64.b64encode(IMAGES["portrait"]).decode()
    items = client.post("/detect/batch", json={"images": [good, "§", good]}).json()["items"]
    assert [item["status"] for item in items] == [200, 400, 200]
    assert items[1]["problem"]["type"] == "urn:problem:undecodable-image"
    assert items[0]["image"] == items[2]["image"]


def test_the_query_counts_for_every_image(client: httpx.Client) -> None:
    files = [("images", ("a", IMAGES["group"])), ("images", ("b", IMAGES["portrait"]))]
    query = {"largest": True, "embedding": "base64", "lane": "interactive"}
    items = client.post("/embed/batch", files=files, params=query).json()["items"]
    assert [len(item["image"]["faces"]) for item in items] == [1, 1]
    assert all(isinstance(item["image"]["faces"][0]["embedding"], str) for item in items)


def test_none_and_too_many_images_are_refused(client: httpx.Client) -> None:
    assert problem(client.post("/embed/batch", json={"images": []})) == (422, "invalid-request")
    many = {"images": ["" for _ in range(51)]}
    assert problem(client.post("/embed/batch", json=many)) == (422, "invalid-request")
    files = [("images", (f"{n}.jpg", b"x")) for n in range(51)]
    assert problem(client.post("/embed/batch", files=files)) == (422, "invalid-request")
    other = [("photos", ("a.jpg", IMAGES["portrait"]))]
    assert problem(client.post("/embed/batch", files=other)) == (422, "invalid-request")
    jpeg = {"Content-Type": "image/jpeg"}
    answer = client.post("/embed/batch", content=IMAGES["portrait"], headers=jpeg)
    assert problem(answer) == (415, "unsupported-media")


def test_an_unknown_lane_is_refused(client: httpx.Client) -> None:
    answer = client.post("/embed", content=IMAGES["portrait"], params={"lane": "fast"})
    assert problem(answer) == (422, "invalid-request")
