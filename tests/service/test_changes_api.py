"""Changing, finding and joining what is enrolled, over HTTP."""

from __future__ import annotations

import base64
import json

import httpx
import numpy as np

from tests import photographs

from .serving import problem

PNG = {"Content-Type": "image/png"}


def vector(seed: int, size: int) -> str:
    drawn = np.random.default_rng(seed).normal(size=size)
    return base64.b64encode(drawn.astype("<f4").tobytes()).decode()


def size(client: httpx.Client) -> int:
    return int(client.get("/models").json()["items"][0]["embedding_size"])


def enrolled(client: httpx.Client, place: str, body: bytes, **person: object) -> str:
    """Enrolls one face; its id."""
    assert client.post(place, json=person).status_code == 201
    query = {"allow_duplicate": True}
    answer = client.post(f"{place}/{person['id']}/faces", content=body, headers=PNG, params=query)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["faces"][0]["id"])


def test_a_patch_with_an_old_etag_is_refused(client: httpx.Client, collection: str) -> None:
    place = f"/collections/{collection}/persons"
    made = client.post(place, json={"id": "ada", "name": "Ada", "metadata": {"a": 1, "b": 2}})
    tag = made.headers["ETag"]
    assert client.get(f"{place}/ada").headers["ETag"] == tag
    patch = {"metadata": {"b": None}, "external_id": "7"}
    changed = client.patch(f"{place}/ada", json=patch, headers={"If-Match": tag})
    assert changed.json()["metadata"] == {"a": 1}
    assert (changed.json()["name"], changed.json()["external_id"]) == ("Ada", "7")
    again = client.patch(f"{place}/ada", json=patch, headers={"If-Match": tag})
    assert problem(again) == (412, "precondition-failed")
    both = f'{changed.headers["ETag"]}, "other"'
    assert client.patch(f"{place}/ada", json={"name": None}, headers={"If-Match": both}).is_success
    assert client.patch(f"{place}/ada", json={}, headers={"If-Match": "*"}).json()["name"] is None
    assert problem(client.patch(f"{place}/ada", json={"id": None})) == (422, "invalid-request")
    assert problem(client.patch(f"{place}/ada", json={"face_count": 2})) == (422, "invalid-request")


def test_an_end_without_a_time_zone_is_refused(client: httpx.Client, collection: str) -> None:
    place = f"/collections/{collection}/persons"
    naive = client.post(place, json={"expires_at": "2090-01-01T00:00:00"})
    assert problem(naive) == (422, "invalid-request")
    made = client.post(place, json={"expires_at": "2090-01-01T02:00:00+02:00"}).json()
    assert made["expires_at"] == "2090-01-01T00:00:00Z"


def test_persons_are_listed_by_what_is_known_of_them(client: httpx.Client, collection: str) -> None:
    place = f"/collections/{collection}/persons"
    for n in range(4):
        known = {"id": f"p{n}", "name": f"Name {n}", "external_id": str(n), "metadata": {"n": n}}
        client.post(place, json=known)
    asked = [{"name": "NAME 2"}, {"external_id": "2"}, {"metadata": json.dumps({"n": 2})}]
    for params in asked:
        assert [each["id"] for each in client.get(place, params=params).json()["items"]] == ["p2"]
    assert problem(client.get(place, params={"metadata": "[1]"})) == (422, "invalid-request")


def test_a_wrong_entry_is_put_right(client: httpx.Client, collection: str) -> None:
    place = f"/collections/{collection}/persons"
    face = enrolled(client, place, photographs.astronaut(), id="ada")
    client.post(place, json={"id": "eve"})
    moved = client.post(f"{place}/ada/faces/{face}/move", json={"person": "eve"})
    assert (moved.json()["id"], moved.json()["face_count"]) == ("eve", 1)
    merged = client.post(f"{place}/ada/merge", json={"source": "eve"})
    assert (merged.json()["id"], merged.json()["face_count"]) == ("ada", 1)
    assert problem(client.get(f"{place}/eve")) == (404, "person-not-found")
    assert client.get(f"{place}/ada/faces").json()["items"][0]["id"] == face


def test_a_collection_decides_by_its_own_settings(client: httpx.Client, collection: str) -> None:
    place = f"/collections/{collection}"
    assert client.patch(place, json={"settings": {"min_quality": 100}}).is_success
    client.post(f"{place}/persons", json={"id": "ada"})
    refused = client.post(
        f"{place}/persons/ada/faces", content=photographs.astronaut(), headers=PNG
    )
    assert problem(refused) == (422, "low-quality")
    client.patch(place, json={"settings": {"min_quality": None, "threshold": 0.123}})
    probe = {"embeddings": [vector(1, size(client))]}
    found = client.post("/identify", params={"collection": collection}, json=probe).json()
    assert found["threshold"] == 0.123
    own = {"collection": collection, "fpir": 0.01}
    assert client.post("/identify", params=own, json=probe).json()["fpir"] == 0.01
    both = client.patch(place, json={"settings": {"fpir": 0.1}})
    assert problem(both) == (422, "invalid-request")


def test_a_search_finds_those_whose_metadata_fit(client: httpx.Client, collection: str) -> None:
    place = f"/collections/{collection}/persons"
    for person, team in (("ada", "x"), ("eve", "y")):
        enrolled(client, place, photographs.astronaut(), id=person, metadata={"team": team})
    params = {"collection": collection, "metadata": json.dumps({"team": "y"})}
    [result] = client.post(
        "/identify", params=params, content=photographs.astronaut(), headers=PNG
    ).json()["results"]
    assert [each["person"]["id"] for each in result["candidates"]] == ["eve"]
