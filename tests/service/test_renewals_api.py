"""A collection changes its model over the API, with two bundles in service."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from models import bundle as bundles
from tests.faults import crops, turned

from .serving import Server, problem, server

IDS: dict[str, str] = {}
PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the bundle `blocks`, with `turned` beside it."""
    root = tmp_path_factory.mktemp("two")
    straight = crops.bundle_in(root)
    other = turned.bundle_in(root, straight)
    IDS.update(
        {name: bundles.load(at).manifest.id for name, at in (("old", straight), ("new", other))}
    )
    with server(root / "data", bundle=straight, next_bundle=other) as running:
        yield running


@pytest.fixture
def client(two: Server) -> httpx.Client:
    return two.client


@pytest.fixture
def collection(client: httpx.Client) -> str:
    name = base64.b32encode(np.random.default_rng().bytes(10)).decode()
    made = client.post("/collections", json={"id": name, "settings": {"keep_crops": True}})
    assert made.status_code == 201
    return f"/collections/{name}"


def enroll(client: httpx.Client, collection: str, person: str, *seeds: int) -> list[str]:
    client.post(f"{collection}/persons", json={"id": person})
    path = f"{collection}/persons/{person}/faces?aligned=true"
    answers = [client.post(path, content=crops.png(seed), headers=PNG) for seed in seeds]
    assert [each.status_code for each in answers] == [201] * len(seeds), answers[0].text
    return [each.json()["faces"][0]["id"] for each in answers]


def identified(client: httpx.Client, collection: str, seed: int) -> dict[str, Any]:
    name = collection.rpartition("/")[2]
    path = f"/identify?collection={name}&aligned=true&threshold=-1&limit=1"
    answer = client.post(path, content=crops.png(seed), headers=PNG)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def by(client: httpx.Client, collection: str, seed: int) -> tuple[str, str, float]:
    """The model that answers for a photograph, the best person and the similarity."""
    found = identified(client, collection, seed)
    [best] = found["results"][0]["candidates"]
    return found["bundle"], best["person"]["id"], pytest.approx(best["similarity"], abs=1e-4)


def reached(client: httpx.Client, collection: str, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = client.get(f"{collection}/renewal").json()
        if found["state"] == state and (state != "ready" or found["agreement"]):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def over(client: httpx.Client, collection: str) -> None:
    deadline = time.monotonic() + 60
    while client.get(f"{collection}/renewal").status_code != 404:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def begin(client: httpx.Client, collection: str) -> httpx.Response:
    return client.post(f"{collection}/renewal", json={"bundle": IDS["new"]})


def test_both_models_are_told(client: httpx.Client) -> None:
    told = client.get("/models").json()["items"]
    assert [each["id"] for each in told] == [IDS["old"], IDS["new"]]


def test_a_collection_is_changed_from_its_kept_crops(client: httpx.Client, collection: str) -> None:
    for n in range(8):
        enroll(client, collection, f"p{n}", 10 * n, 10 * n + 1)
    assert begin(client, collection).status_code == 201
    told = reached(client, collection, "ready")
    assert (told["before"], told["after"]) == (IDS["old"], IDS["new"])
    assert (told["faces"], told["done"], told["missing"], told["error"]) == (16, 16, 0, None)
    compared = told["agreement"]
    assert (compared["probes"], compared["mated"], compared["persons"]) == (16, 16, 8)
    assert compared["decisions_changed"] is None  # neither is calibrated
    assert -1 <= compared["spearman"] <= 1
    assert by(client, collection, 70) == (IDS["old"], "p7", _alike(crops, 70, 71))
    enroll(client, collection, "late", 500)
    switched = client.post(f"{collection}/renewal/switch")
    assert (switched.status_code, switched.json()["state"]) == (200, "switched")
    for seed, person, seeds in ((70, "p7", (70, 71)), (500, "late", (500,))):
        assert by(client, collection, seed) == (IDS["new"], person, _alike(turned, *seeds))
    assert client.get(collection).json()["bundle"] == IDS["new"]
    enroll(client, collection, "later", 600)
    assert client.post(f"{collection}/renewal/rollback").json()["state"] == "ready"
    assert by(client, collection, 600) == (IDS["old"], "later", _alike(crops, 600))
    assert client.post(f"{collection}/renewal/switch").status_code == 200
    assert client.post(f"{collection}/renewal/finish").status_code == 202
    over(client, collection)
    assert by(client, collection, 600) == (IDS["new"], "later", _alike(turned, 600))
    enroll(client, collection, "last", 700)
    assert by(client, collection, 700) == (IDS["new"], "last", _alike(turned, 700))


def _alike(maker: Any, *seeds: int) -> float:
    return float(maker.template(seeds[:1]) @ maker.template(seeds))


def test_embeddings_say_which_model_they_are_of(client: httpx.Client, collection: str) -> None:
    enroll(client, collection, "ada", 1)
    begin(client, collection)
    reached(client, collection, "ready")
    name = collection.rpartition("/")[2]

    def search(vector: NDArray[np.float32], **named: str) -> httpx.Response:
        path = f"/identify?collection={name}&threshold=-1"
        return client.post(path, json={"embeddings": [vector.tolist()], **named})

    old, new = crops.template([1]), turned.template([1])
    assert search(old).json()["bundle"] == IDS["old"]
    assert problem(search(new, bundle=IDS["new"])) == (409, "bundle-mismatch")
    assert problem(search(new)) == (422, "invalid-embedding")
    assert problem(search(new, bundle="nobody-1")) == (409, "bundle-mismatch")
    client.post(f"{collection}/renewal/switch")
    found = search(new, bundle=IDS["new"]).json()
    assert found["results"][0]["candidates"][0]["similarity"] == pytest.approx(1, abs=1e-4)
    assert problem(search(old)) == (409, "bundle-mismatch")


def test_faces_without_a_crop_are_supplied_or_dropped(
    client: httpx.Client, collection: str
) -> None:
    client.patch(collection, json={"settings": {"keep_crops": None}})
    [ada] = enroll(client, collection, "ada", 1)
    enroll(client, collection, "eve", 2)
    begin(client, collection)
    missing = client.get(f"{collection}/renewal/missing?limit=1").json()
    assert missing["items"] == [{"person": "ada", "face": ada}]
    assert missing["next"]
    assert problem(client.post(f"{collection}/renewal/switch")) == (409, "renewal-conflict")
    path = f"{collection}/persons/ada/faces/{ada}/crop?aligned=true"
    assert client.put(path, content=crops.png(1), headers=PNG).status_code == 204
    assert reached(client, collection, "ready")["missing"] == 1
    assert problem(client.post(f"{collection}/renewal/switch")) == (409, "renewal-conflict")
    dropped = client.post(f"{collection}/renewal/switch?drop_missing=true")
    assert dropped.json()["state"] == "switched"
    assert by(client, collection, 1) == (IDS["new"], "ada", _alike(turned, 1))
    assert client.get(f"{collection}/persons/eve").json()["face_count"] == 0


def test_cancelling_leaves_everything_as_it_was(client: httpx.Client, collection: str) -> None:
    enroll(client, collection, "ada", 1)
    begin(client, collection)
    reached(client, collection, "ready")
    assert client.delete(f"{collection}/renewal").status_code == 202
    over(client, collection)
    assert by(client, collection, 1) == (IDS["old"], "ada", _alike(crops, 1))
    assert begin(client, collection).status_code == 201


def test_what_does_not_fit_is_refused(client: httpx.Client, collection: str) -> None:
    [face] = enroll(client, collection, "ada", 1)
    for method, path in (
        ("GET", ""),
        ("GET", "/missing"),
        ("POST", "/switch"),
        ("POST", "/rollback"),
        ("POST", "/finish"),
        ("DELETE", ""),
    ):
        refused = client.request(method, f"{collection}/renewal{path}")
        assert problem(refused) == (404, "renewal-not-found")
    unknown = client.post(f"{collection}/renewal", json={"bundle": "nobody-1"})
    assert problem(unknown) == (409, "renewal-conflict")
    same = client.post(f"{collection}/renewal", json={"bundle": IDS["old"]})
    assert problem(same) == (409, "renewal-conflict")
    begin(client, collection)
    assert problem(begin(client, collection)) == (409, "renewal-conflict")
    assert problem(client.post(f"{collection}/renewal/finish")) == (409, "renewal-conflict")
    nobody = client.put(
        f"{collection}/persons/ada/faces/nobody/crop?aligned=true",
        content=crops.png(1),
        headers=PNG,
    )
    assert problem(nobody) == (404, "face-not-found")
    again = client.put(
        f"{collection}/persons/ada/faces/{face}/crop?aligned=true",
        content=crops.png(1),
        headers=PNG,
    )
    assert again.status_code == 204


def test_a_collection_compares_with_the_most_similar_face_if_it_wants_to(
    client: httpx.Client, collection: str
) -> None:
    enroll(client, collection, "ada", 1, 2)
    assert by(client, collection, 2) == (IDS["old"], "ada", _alike(crops, 2, 1))
    client.patch(collection, json={"settings": {"template": "max"}})
    deadline = time.monotonic() + 60
    while by(client, collection, 2)[2] != 1.0:
        assert time.monotonic() < deadline
    refused = client.patch(collection, json={"settings": {"template": "median"}})
    assert problem(refused) == (422, "invalid-request")
