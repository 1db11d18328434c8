"""What `/collections` and `/identify` promise."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import images, photographs

from .serving import Server, problem, server

PNG = {"Content-Type": "image/png"}


def enrolled(
    client: httpx.Client, collection: str, person: str, body: bytes, **query: object
) -> dict:
    persons = f"/collections/{collection}/persons"
    assert client.post(persons, json={"id": person, "name": person.title()}).status_code == 201
    answer = client.post(f"{persons}/{person}/faces", content=body, headers=PNG, params=query)
    assert answer.status_code == 201, answer.text
    return answer.json()


def identified(client: httpx.Client, collection: str, body: bytes, **query: object) -> dict:
    query |= {"collection": collection}
    answer = client.post("/identify", content=body, headers=PNG, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(document: dict) -> list[list[str]]:
    return [
        [candidate["person"]["id"] for candidate in result["candidates"]]
        for result in document["results"]
    ]


def test_an_enrolled_person_is_found_and_a_stranger_is_not(
    client: httpx.Client, collection: str
) -> None:
    enrolled(client, collection, "eileen", photographs.astronaut())
    found = identified(client, collection, photographs.portrait())
    assert names(found) == [["eileen"]]
    [result] = found["results"]
    assert result["decision"] == "match"
    assert result["candidates"][0]["person"]["name"] == "Eileen"
    assert result["candidates"][0]["similarity"] >= found["threshold"]
    strangers = identified(client, collection, photographs.group(), fpir=1e-3)
    assert len(strangers["results"]) == 6
    assert all(result["decision"] != "match" for result in strangers["results"])
    assert names(strangers) == [[]] * 6


def test_an_empty_collection_knows_nobody(client: httpx.Client, collection: str) -> None:
    found = identified(client, collection, photographs.astronaut())
    assert found["person_count"] == 0
    assert found["results"][0]["decision"] == "no_match"


def test_embeddings_are_searched_like_images(client: httpx.Client, collection: str) -> None:
    enrolled(client, collection, "eileen", photographs.astronaut())
    body = photographs.astronaut()
    [face] = client.post("/embed", content=body, headers=PNG).json()["faces"]
    answer = client.post(
        "/identify",
        json={"embeddings": [face["embedding"], [1.0] * 128]},
        params={"collection": collection},
    ).json()
    assert names(answer)[0] == ["eileen"]
    assert answer["results"][0]["face"] is None


def test_good_photographs_are_kept_and_bad_ones_listed(
    client: httpx.Client, collection: str
) -> None:
    client.post(f"/collections/{collection}/persons", json={"id": "eileen"})
    sent = [
        photographs.without_faces("coffee.png"),
        photographs.astronaut(),
        images.truncated(photographs.astronaut()),
        photographs.portrait(),
        photographs.group(),
    ]
    answer = client.post(
        f"/collections/{collection}/persons/eileen/faces",
        files=[("images", body) for body in sent],
    )
    document = answer.json()
    assert answer.status_code == 201
    assert len(document["faces"]) == 2
    assert document["person"]["face_count"] == 2
    reasons = {entry["index"]: entry["reasons"] for entry in document["rejected"]}
    assert reasons == {0: ["no-face-found"], 2: ["undecodable-image"], 4: ["several-faces-found"]}
    assert all(entry["advice"] for entry in document["rejected"])


def test_when_no_photograph_is_good_nothing_is_kept(client: httpx.Client, collection: str) -> None:
    client.post(f"/collections/{collection}/persons", json={"id": "eileen"})
    faces = f"/collections/{collection}/persons/eileen/faces"
    bad = base64.b64encode(photographs.without_faces("coffee.png")).decode()
    answer = client.post(faces, json={"images": [bad, bad]})
    assert problem(answer) == (422, "nothing-enrolled")
    assert [entry["index"] for entry in answer.json()["rejected"]] == [0, 1]
    assert client.get(faces).json()["items"] == []


def test_a_poor_photograph_is_not_enrolled(client: httpx.Client, collection: str) -> None:
    client.post(f"/collections/{collection}/persons", json={"id": "eileen"})
    answer = client.post(
        f"/collections/{collection}/persons/eileen/faces",
        content=photographs.crop(blur=9),
        headers=PNG,
        params={"aligned": True},
    )
    assert problem(answer) == (422, "low-quality")


def test_deleted_faces_and_persons_are_found_no_more(client: httpx.Client, collection: str) -> None:
    kept = enrolled(client, collection, "eileen", photographs.astronaut())
    person = f"/collections/{collection}/persons/eileen"
    face = kept["faces"][0]["id"]
    assert client.delete(f"{person}/faces/{face}").status_code == 204
    assert names(identified(client, collection, photographs.astronaut())) == [[]]
    client.post(f"{person}/faces", content=photographs.astronaut(), headers=PNG)
    assert names(identified(client, collection, photographs.astronaut())) == [["eileen"]]
    assert client.delete(person).status_code == 204
    assert problem(client.get(person)) == (404, "person-not-found")
    assert names(identified(client, collection, photographs.astronaut())) == [[]]


def test_a_deleted_collection_is_gone(client: httpx.Client, collection: str) -> None:
    enrolled(client, collection, "eileen", photographs.astronaut())
    assert client.delete(f"/collections/{collection}").status_code == 204
    answer = client.post(
        "/identify",
        content=photographs.astronaut(),
        headers=PNG,
        params={"collection": collection},
    )
    assert problem(answer) == (404, "collection-not-found")


def test_listings_come_in_pages(client: httpx.Client, collection: str) -> None:
    persons = f"/collections/{collection}/persons"
    for n in range(5):
        client.post(persons, json={"id": f"p{n}", "metadata": {"n": n}})
    seen, after = [], None
    for _ in range(3):
        query = {"limit": 2} | ({"after": after} if after else {})
        page = client.get(persons, params=query).json()
        seen += page["items"]
        after = page["next"]
    assert [person["id"] for person in seen] == [f"p{n}" for n in range(5)]
    assert [person["metadata"] for person in seen] == [{"n": n} for n in range(5)]
    assert after is None
    assert problem(client.get(persons, params={"after": "rubbish"})) == (422, "invalid-request")


def test_the_default_collection_exists_from_the_start(client: httpx.Client) -> None:
    assert client.get("/collections/default").json()["id"] == "default"


def test_more_persons_take_more_similarity(client: httpx.Client, collection: str) -> None:
    """The same FPIR over a larger gallery needs a rarer false match in each comparison."""
    enrolled(client, collection, "one", photographs.astronaut())
    first = identified(client, collection, photographs.astronaut())
    enrolled(client, collection, "two", photographs.portrait(), allow_duplicate=True)
    second = identified(client, collection, photographs.astronaut())
    assert (first["person_count"], second["person_count"]) == (1, 2)
    assert second["fmr"] == pytest.approx(first["fmr"] / 2, rel=0.02)
    assert second["threshold"] > first["threshold"]


def test_a_threshold_searches_like_the_rate_it_stands_for(
    client: httpx.Client, collection: str
) -> None:
    for person, body in (("one", photographs.astronaut()), ("two", photographs.portrait())):
        enrolled(client, collection, person, body, allow_duplicate=True)
    asked = identified(client, collection, photographs.astronaut(), fpir=0.003)
    cut = asked["threshold"]
    given = identified(client, collection, photographs.astronaut(), threshold=cut)
    assert given["fpir"] == pytest.approx(0.003, rel=1e-3)
    assert given["fmr"] == pytest.approx(asked["fmr"], rel=1e-3)
    assert given["fpir_supported"] is True
    assert given["results"] == asked["results"]
    assert names(identified(client, collection, photographs.group(), threshold=0.99)) == [[]] * 6


def test_a_rate_and_a_threshold_together_are_refused(client: httpx.Client, collection: str) -> None:
    query = {"collection": collection, "fpir": 0.01, "threshold": 0.4}
    answer = client.post("/identify", json={"embeddings": [[1.0] * 128]}, params=query)
    assert problem(answer) == (422, "invalid-request")
    assert "fpir" in answer.json()["detail"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_gallery_is_there_after_a_restart(tmp_path: Path, number: int) -> None:
    directory = tmp_path / "data"
    first = Server(tmp_path / "first.log", data_dir=directory)
    enrolled(first.client, "default", "eileen", photographs.astronaut())
    assert first.stop(number) == (0 if number == signal.SIGTERM else -number)
    with server(directory) as second:
        assert names(identified(second.client, "default", photographs.portrait())) == [["eileen"]]


def test_a_full_disk_refuses_the_enrollment_and_loses_nothing(tmp_path: Path) -> None:
    with server(tmp_path / "data") as running:
        enrolled(running.client, "default", "eileen", photographs.astronaut())
        running.fill_disk()
        answer = running.client.post(
            "/collections/default/persons/eileen/faces", content=photographs.portrait(), headers=PNG
        )
        assert problem(answer) == (507, "storage-full")
        assert names(identified(running.client, "default", photographs.portrait())) == [["eileen"]]
        running.free_disk()
        kept = running.client.get("/collections/default/persons/eileen/faces").json()["items"]
        assert len(kept) == 1
        enrolled(running.client, "default", "again", photographs.portrait(), allow_duplicate=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB of its own; only who may mount has one."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_people_can_be_deleted_on_a_full_disk(small_disk: Path) -> None:
    persons = "/collections/default/persons"
    with server(small_disk / "data") as running:
        enrolled(running.client, "default", "eileen", photographs.astronaut())
        left = os.statvfs(small_disk)
        (small_disk / "ballast").write_bytes(bytes(left.f_bavail * left.f_bsize - 2**18))
        created, refused = [], 0
        while refused < 3 and len(created) < 1000:
            body = {"id": f"p{len(created) + refused}", "metadata": {"x": "y" * 5000}}
            answer = running.client.post(persons, json=body)
            if answer.status_code == 201:
                created.append(body["id"])
            else:
                refused += 1
                assert problem(answer) == (507, "storage-full")
        assert len(created) < 1000
        for person in ["eileen", *created[:3]]:
            assert running.client.delete(f"{persons}/{person}").status_code == 204
            assert problem(running.client.get(f"{persons}/{person}"))[0] == 404
        assert names(identified(running.client, "default", photographs.portrait())) == [[]]
