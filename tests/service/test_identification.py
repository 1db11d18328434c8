"""What `/identify` says of strangers, of several photographs, and of several faces in one."""

from __future__ import annotations

import base64
import io

import httpx
import numpy as np
import PIL.Image
import pytest

from tests import photographs

from .people import PNG, created, enroll, members
from .serving import problem


@pytest.fixture(scope="module")
def group(client: httpx.Client) -> list[bytes]:
    return members(client)


def identified(client: httpx.Client, collection: str, **request: object) -> dict:
    query = {"collection": collection} | dict(request.pop("params", {}))  # type: ignore[call-overload]
    answer = client.post("/identify", params=query, **request)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return answer.json()


def twice(body: bytes) -> bytes:
    """A photograph with the same person in it two times."""
    one = PIL.Image.open(io.BytesIO(body)).convert("RGB")
    both = PIL.Image.new("RGB", (2 * one.width, one.height))
    both.paste(one, (0, 0))
    both.paste(one.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT), (one.width, 0))
    buffer = io.BytesIO()
    both.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_stranger_is_no_match_and_nobody_is_named(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    created(client, collection, "eileen", "ann")
    enroll(client, collection, "eileen", photographs.astronaut())
    enroll(client, collection, "ann", group[0])
    found = identified(client, collection, content=group[3], headers=PNG)
    [result] = found["results"]
    assert (result["decision"], result["reasons"]) == ("no_match", [])
    assert (result["similarity"], result["probability"], result["candidates"]) == (None, None, [])


def test_a_match_says_how_alike_and_how_likely(client: httpx.Client, collection: str) -> None:
    created(client, collection, "eileen")
    enroll(client, collection, "eileen", photographs.astronaut())
    found = identified(client, collection, content=photographs.portrait(), headers=PNG)
    [result] = found["results"]
    [candidate] = result["candidates"]
    assert result["decision"] == "match"
    assert result["similarity"] == candidate["similarity"] > found["threshold"]
    assert result["probability"] == candidate["probability"] > 0.99
    assert (found["fpir"], found["person_count"]) == (0.01, 1)


def test_two_entries_of_one_person_are_ambiguous(client: httpx.Client, collection: str) -> None:
    created(client, collection, "eileen", "twin")
    enroll(client, collection, "eileen", photographs.astronaut())
    enroll(client, collection, "twin", photographs.portrait(), allow_duplicate=True)
    for limit in (1, 5):
        query = {"limit": limit}
        found = identified(
            client, collection, content=photographs.astronaut(), headers=PNG, params=query
        )
        [result] = found["results"]
        assert result["decision"] == "inconclusive"
        assert result["reasons"] == ["ambiguous_candidates"]
        assert len(result["candidates"]) == min(limit, 2)


def test_several_photographs_are_one_probe(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    created(client, collection, "eileen", "ann")
    enroll(client, collection, "eileen", photographs.astronaut())
    enroll(client, collection, "ann", group[0])
    images = [photographs.portrait(), photographs.blurred(2)]
    form = [("images", image) for image in images]
    found = identified(client, collection, files=form, params={"embedding": "float"})
    [result] = found["results"]
    assert (result["face"], len(result["fused"])) == (None, 2)
    assert result["decision"] == "match"
    [candidate] = result["candidates"]
    # The features are added up: what is searched for is the sum of norm times unit vector.
    total = sum(face["quality"]["norm"] * np.array(face["embedding"]) for face in result["fused"])
    unit = {"embeddings": [(total / np.linalg.norm(total)).tolist()]}
    [same] = identified(client, collection, json=unit)["results"]
    assert same["similarity"] == pytest.approx(candidate["similarity"], abs=1e-4)
    coded = {"images": [base64.b64encode(image).decode() for image in images]}
    again = identified(client, collection, json=coded, params={"embedding": "float"})
    assert again["results"] == found["results"]


def test_of_several_photographs_the_bad_one_is_named(client: httpx.Client, collection: str) -> None:
    for bad, cause in (
        (photographs.without_faces("coffee.png"), "no-face-found"),
        (photographs.group(), "several-faces-found"),
    ):
        form = [("images", photographs.astronaut()), ("images", bad)]
        answer = client.post("/identify", files=form, params={"collection": collection})
        assert problem(answer) == (422, cause)
        assert answer.json()["detail"].startswith("images[1]: ")


@pytest.mark.parametrize("fields", [("image", "images"), ()])
def test_one_kind_of_probe_is_asked_for(client: httpx.Client, fields: tuple[str, ...]) -> None:
    form = [(name, photographs.astronaut()) for name in fields] or {"other": b"1"}
    assert problem(client.post("/identify", files=form)) == (422, "invalid-request")
    vector, coded = [[0.5] * 128], base64.b64encode(photographs.astronaut()).decode()
    body = {"images": [coded], "embeddings": vector} if fields else {}
    assert problem(client.post("/identify", json=body)) == (422, "invalid-request")


def test_a_poor_probe_is_inconclusive_unless_a_better_one_comes_with_it(
    client: httpx.Client, collection: str
) -> None:
    created(client, collection, "eileen")
    enroll(client, collection, "eileen", photographs.crop(), aligned=True)
    query, poor = {"aligned": True}, photographs.crop(blur=9)
    alone = identified(client, collection, content=poor, headers=PNG, params=query)
    assert alone["results"][0]["decision"] == "inconclusive"
    assert alone["results"][0]["reasons"] == ["low_quality_probe"]
    form = [("images", poor), ("images", photographs.crop())]
    both = identified(client, collection, files=form, params=query)
    assert both["results"][0]["decision"] == "match"


def test_a_person_is_in_a_photograph_once(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    created(client, collection, "eileen", "ann")
    enroll(client, collection, "eileen", photographs.astronaut())
    enroll(client, collection, "ann", group[0])
    sent = {"content": twice(photographs.astronaut()), "headers": PNG}
    free = identified(client, collection, **sent)
    assert [each["decision"] for each in free["results"]] == ["match", "match"]
    unique = identified(client, collection, **sent, params={"assignment": "unique"})
    named = [c["person"]["id"] for each in unique["results"] for c in each["candidates"]]
    assert named == ["eileen"]
    assert sorted(each["decision"] for each in unique["results"]) == ["match", "no_match"]
    best = max(each["candidates"][0]["similarity"] for each in free["results"])
    assert [each["similarity"] for each in unique["results"] if each["candidates"]] == [best]


def test_everybody_of_a_group_is_named_once(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    people = [f"p{n}" for n in range(len(group))]
    created(client, collection, *people)
    for person, body in zip(people, group, strict=True):
        enroll(client, collection, person, body, allow_duplicate=True)
    query = {"assignment": "unique", "fpir": 0.1}
    found = identified(
        client,
        collection,
        content=photographs.group(),
        headers={"Content-Type": "image/jpeg"},
        params=query,
    )
    named = [each["candidates"][0]["person"]["id"] for each in found["results"]]
    assert named == people
