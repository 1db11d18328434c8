"""What enrolling lets in, what it refuses, and what it says one can do about it."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import httpx
import PIL.Image
import pytest

from tests import photographs

from .people import created, enroll, faces, members
from .serving import problem


@pytest.fixture(scope="module")
def group(client: httpx.Client) -> list[bytes]:
    return members(client)


def test_a_poor_face_is_rejected_with_what_is_wrong_and_what_to_do(
    client: httpx.Client, collection: str
) -> None:
    created(client, collection, "eileen")
    blurred = photographs.crop(blur=9)
    answer = enroll(client, collection, "eileen", blurred, photographs.crop(), aligned=True)
    assert answer.status_code == 201, answer.text
    [kept], [refused] = answer.json()["faces"], answer.json()["rejected"]
    assert (kept["index"], refused["index"]) == (1, 0)
    assert refused["reasons"] == ["low-quality", "sharpness"]
    assert "focus" in refused["advice"]
    alone = enroll(client, collection, "eileen", blurred, aligned=True)
    assert problem(alone) == (422, "low-quality")
    assert alone.json()["components"] == ["sharpness"]


def test_a_good_face_is_told_what_would_make_it_better(
    client: httpx.Client, collection: str
) -> None:
    created(client, collection, "eileen")
    picture = PIL.Image.open(io.BytesIO(photographs.astronaut())).convert("RGB")
    dark, buffer = picture.point(lambda value: value // 3), io.BytesIO()
    dark.save(buffer, "PNG")
    [kept] = enroll(client, collection, "eileen", buffer.getvalue()).json()["faces"]
    assert [each["component"] for each in kept["advice"]] == ["luminance_mean"]


def test_a_dry_run_answers_the_same_and_keeps_nothing(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    created(client, collection, "eileen", "other")
    sent = (photographs.astronaut(), photographs.without_faces("coffee.png"))
    dry = enroll(client, collection, "eileen", *sent, validate=True)
    assert dry.status_code == 200, dry.text
    assert faces(client, collection, "eileen") == 0
    wet = enroll(client, collection, "eileen", *sent)
    assert wet.status_code == 201
    assert dry.json()["rejected"] == wet.json()["rejected"]
    [would], [did] = dry.json()["faces"], wet.json()["faces"]
    assert (would["id"], would["created_at"]) == (None, None)
    assert {**did, "id": None, "created_at": None} == would
    assert faces(client, collection, "eileen") == 1
    refused = enroll(client, collection, "other", photographs.portrait(), validate=True)
    assert problem(refused) == (409, "duplicate-person")
    conflict = enroll(client, collection, "eileen", group[0], validate=True)
    assert problem(conflict) == (409, "identity-conflict")
    assert faces(client, collection, "eileen") == 1


def test_somebody_who_is_there_already_is_no_new_person(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    created(client, collection, "eileen", "twin", "stranger")
    assert enroll(client, collection, "eileen", photographs.astronaut()).status_code == 201
    assert enroll(client, collection, "stranger", group[0]).status_code == 201
    refused = enroll(client, collection, "twin", photographs.portrait())
    assert problem(refused) == (409, "duplicate-person")
    [candidate] = refused.json()["candidates"]
    assert candidate["person"] == {"id": "eileen", "name": "eileen", "external_id": None}
    assert candidate["similarity"] > 0.8
    assert "allow_duplicate" in refused.json()["detail"]
    assert faces(client, collection, "twin") == 0
    allowed = enroll(client, collection, "twin", photographs.portrait(), allow_duplicate=True)
    assert allowed.status_code == 201
    # Both are there: another face of hers is like her own entry, and no reason to ask again.
    again = enroll(client, collection, "eileen", photographs.astronaut())
    assert again.status_code == 201


def test_faces_of_two_people_are_not_enrolled_as_one(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    created(client, collection, "eileen")
    images = (photographs.astronaut(), group[0], photographs.portrait())
    mixed = enroll(client, collection, "eileen", *images)
    assert problem(mixed) == (409, "identity-conflict")
    assert [each["index"] for each in mixed.json()["images"]] == [1]
    assert mixed.json()["images"][0]["similarity"] < mixed.json()["threshold"]
    assert faces(client, collection, "eileen") == 0
    assert enroll(client, collection, "eileen", photographs.astronaut()).status_code == 201
    stranger = enroll(client, collection, "eileen", group[0])
    assert problem(stranger) == (409, "identity-conflict")
    allowed = enroll(client, collection, "eileen", group[0], allow_conflict=True)
    assert allowed.status_code == 201


def test_a_face_of_somebody_else_is_found_among_mixed_ones(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    created(client, collection, "eileen", "both")
    enroll(client, collection, "eileen", photographs.astronaut())
    images = (group[0], photographs.portrait())
    refused = enroll(client, collection, "both", *images, allow_conflict=True)
    assert problem(refused) == (409, "duplicate-person")


def test_of_two_requests_at_once_one_enrolls_the_face_and_the_other_is_told(
    client: httpx.Client, collection: str
) -> None:
    people = [f"p{n}" for n in range(6)]
    created(client, collection, *people)
    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(
            pool.map(lambda p: enroll(client, collection, p, photographs.astronaut()), people)
        )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201, *[409] * 5]
    assert all(
        problem(each) == (409, "duplicate-person") for each in answers if each.status_code == 409
    )
    assert sum(faces(client, collection, person) for person in people) == 1


def test_the_collection_decides_how_alike_a_duplicate_is(
    client: httpx.Client, collection: str
) -> None:
    settings = {"settings": {"threshold": 0.9999}}
    assert client.patch(f"/collections/{collection}", json=settings).is_success
    created(client, collection, "eileen", "twin")
    assert enroll(client, collection, "eileen", photographs.astronaut()).status_code == 201
    assert enroll(client, collection, "twin", photographs.portrait()).status_code == 201
