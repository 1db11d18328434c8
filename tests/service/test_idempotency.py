"""A change is made once for each idempotency key, and answered the same every time."""

from __future__ import annotations

import base64
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests import photographs

from .serving import problem, server

FACES = "/collections/{}/persons/{}/faces"


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


@pytest.fixture
def persons(collection: str) -> str:
    return f"/collections/{collection}/persons"


def same(first: httpx.Response, second: httpx.Response) -> bool:
    def told(answer: httpx.Response) -> tuple[object, ...]:
        named = ("etag", "location", "content-type")
        return answer.status_code, answer.content, *(answer.headers.get(name) for name in named)

    return told(first) == told(second)


def test_a_repeated_creation_is_answered_the_same_and_creates_nobody(
    client: httpx.Client, persons: str
) -> None:
    once = key()
    for path, body in (
        ("/collections", {"id": uuid4().hex, "name": "Staff", "metadata": {"a": 1.5}}),
        (persons, {"name": "Ada Lovelace", "metadata": {"born": 1815}}),
    ):
        made = client.post(path, json=body, headers=once | {"Idempotency-Key": path[-30:]})
        again = client.post(path, json=body, headers=once | {"Idempotency-Key": path[-30:]})
        assert made.status_code == 201
        assert same(made, again)
        assert made.headers["etag"] == client.get(f"{path}/{made.json()['id']}").headers["etag"]
    assert len(client.get(persons).json()["items"]) == 1


def test_without_a_key_every_request_is_a_new_one(client: httpx.Client, persons: str) -> None:
    made = [client.post(persons, json={"name": "Ada"}).json()["id"] for _ in range(2)]
    assert made[0] != made[1]


@pytest.mark.parametrize("form", ["raw", "multipart", "json"])
def test_a_repeated_enrollment_keeps_one_face(
    client: httpx.Client, persons: str, form: str
) -> None:
    client.post(persons, json={"id": "ada"})
    image, once = photographs.astronaut(), key()

    def send() -> httpx.Response:
        path = f"{persons}/ada/faces"
        if form == "raw":
            return client.post(path, content=image, headers=once | {"Content-Type": "image/jpeg"})
        if form == "multipart":  # with a new boundary each time
            return client.post(path, files={"image": image}, headers=once)
        text = base64.b64encode(image).decode()
        return client.post(path, json={"images": [text]}, headers=once)

    made, again = send(), send()
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{persons}/ada/faces"
    assert same(made, again)
    assert client.get(f"{persons}/ada").json()["face_count"] == 1


def test_the_forms_of_one_request_are_one_request(client: httpx.Client, persons: str) -> None:
    """What counts is what was asked: the order of JSON, defaults and quotes are not."""
    given = key()["Idempotency-Key"]
    bodies = ('{"id": "ada", "name": "Ada"}', '{"metadata": {}, "name": "Ada", "id": "ada"}')
    kind = {"Content-Type": "application/json"}
    made = client.post(persons, content=bodies[0], headers=kind | {"Idempotency-Key": given})
    quoted = {"Idempotency-Key": f'"{given}"'}
    again = client.post(persons, content=bodies[1], headers=kind | quoted)
    assert same(made, again)


def test_a_key_is_of_one_request_only(client: httpx.Client, persons: str) -> None:
    once = key()
    assert client.post(persons, json={"id": "ada"}, headers=once).status_code == 201
    reused = (422, "idempotency-key-reused")
    for path, body in ((persons, {"id": "eve"}), ("/collections", {"id": uuid4().hex})):
        assert problem(client.post(path, json=body, headers=once)) == reused
    image = photographs.astronaut()
    path, kind = f"{persons}/ada/faces", {"Content-Type": "image/jpeg"}
    assert problem(client.post(path, content=image, headers=once | kind)) == reused
    once = key()
    assert client.post(path, content=image, headers=once | kind).status_code == 201
    other = client.post(f"{path}?max_faces=1", content=image, headers=once | kind)
    assert problem(other) == reused
    assert client.get(f"{persons}/ada").json()["face_count"] == 1


def test_a_merge_and_a_move_happen_once(client: httpx.Client, persons: str) -> None:
    image, kind = photographs.astronaut(), {"Content-Type": "image/jpeg"}
    for name in ("ada", "eve", "joe"):
        client.post(persons, json={"id": name})
    face = client.post(f"{persons}/eve/faces", content=image, headers=kind).json()["faces"][0]
    for path, body in (
        (f"{persons}/eve/faces/{face['id']}/move", {"person": "ada"}),
        (f"{persons}/ada/merge", {"source": "joe"}),
    ):
        once = key()
        made, again = (client.post(path, json=body, headers=once) for _ in range(2))
        assert made.status_code == 200, made.text
        assert same(made, again)
        assert client.post(path, json=body).status_code == 404


def test_a_refused_request_keeps_no_answer(client: httpx.Client, persons: str) -> None:
    once = key()
    merge = f"{persons}/ada/merge"
    assert client.post(merge, json={"source": "eve"}, headers=once).status_code == 404
    for name in ("ada", "eve"):
        client.post(persons, json={"id": name})
    assert client.post(merge, json={"source": "eve"}, headers=once).status_code == 200


def test_an_answer_goes_with_whom_it_is_about(client: httpx.Client, persons: str) -> None:
    once, spent = key(), (409, "idempotency-key-spent")
    body = {"id": "ada", "name": "Ada Lovelace"}
    client.post(persons, json=body, headers=once)
    client.delete(f"{persons}/ada")
    assert problem(client.post(persons, json=body, headers=once)) == spent
    assert client.get(f"{persons}/ada").status_code == 404


def test_an_answer_goes_with_a_face_that_may_be_in_it(client: httpx.Client, persons: str) -> None:
    client.post(persons, json={"id": "ada"})
    sent = {"content": photographs.astronaut(), "headers": key() | {"Content-Type": "image/jpeg"}}
    made = client.post(f"{persons}/ada/faces", **sent).json()
    client.delete(f"{persons}/ada/faces/{made['faces'][0]['id']}")
    again = client.post(f"{persons}/ada/faces", **sent)
    assert problem(again) == (409, "idempotency-key-spent")
    assert client.get(f"{persons}/ada").json()["face_count"] == 0


def test_the_same_request_many_times_at_once_has_one_effect(
    client: httpx.Client, persons: str
) -> None:
    client.post(persons, json={"id": "ada"})
    kind, once = {"Content-Type": "image/jpeg"}, key()
    image = photographs.astronaut()

    def send(_: int) -> httpx.Response:
        return client.post(f"{persons}/ada/faces", content=image, headers=once | kind)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    assert all(same(answer, answers[0]) for answer in answers)
    assert client.get(f"{persons}/ada").json()["face_count"] == 1


@pytest.mark.parametrize("given", ["", '""', "x" * 256, "two words"])
def test_a_key_that_is_none_is_refused(client: httpx.Client, persons: str, given: str) -> None:
    answer = client.post(persons, json={}, headers={"Idempotency-Key": given})
    assert problem(answer) == (422, "invalid-request")


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[tuple[httpx.Response, httpx.Response]]:
    """The answers before and after a kill."""
    once, body = key(), {"name": "Ada Lovelace"}
    with server(tmp_path / "data") as running:
        made = running.client.post("/collections/default/persons", json=body, headers=once)
        running.stop(signal.SIGKILL)
    with server(tmp_path / "data") as running:
        again = running.client.post("/collections/default/persons", json=body, headers=once)
        listed = running.client.get("/collections/default/persons").json()["items"]
        assert [item["id"] for item in listed] == [made.json()["id"]]
        yield made, again


def test_a_kill_does_not_make_a_repetition_a_new_request(
    killed: tuple[httpx.Response, httpx.Response],
) -> None:
    assert same(*killed)
