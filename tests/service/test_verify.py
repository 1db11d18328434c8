"""What `/verify` promises."""

from __future__ import annotations

import base64

import httpx
import pytest

from tests import photographs


def compared(client: httpx.Client, source: bytes, target: bytes, **query: object) -> dict:
    answer = client.post("/verify", files={"source": source, "target": target}, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_same_person_matches_and_another_does_not(client: httpx.Client) -> None:
    same = compared(client, photographs.astronaut(), photographs.portrait())
    assert same["decision"] == "match"
    assert same["similarity"] >= same["threshold"]
    other = compared(client, photographs.astronaut(), photographs.group(), largest=True)
    assert other["decision"] == "no_match"
    assert other["similarity"] < other["threshold"]
    assert same["probability"] > 0.9
    assert other["probability"] < 0.5


def test_a_rarer_false_match_takes_more_similarity(client: httpx.Client) -> None:
    body = photographs.astronaut()
    answers = [compared(client, body, body, fmr=fmr) for fmr in (1e-1, 1e-2, 1e-3, 1e-4)]
    thresholds = [answer["threshold"] for answer in answers]
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == 4
    assert [answer["fmr"] for answer in answers] == [1e-1, 1e-2, 1e-3, 1e-4]


def test_a_rate_beyond_the_evidence_is_marked(client: httpx.Client) -> None:
    body = photographs.astronaut()
    assert compared(client, body, body, fmr=1e-3)["fmr_supported"] is True
    assert compared(client, body, body, fmr=1e-8)["fmr_supported"] is False


def test_images_and_embeddings_can_be_mixed(client: httpx.Client) -> None:
    body = photographs.astronaut()
    [face] = client.post("/embed", content=body, headers={"Content-Type": "image/png"}).json()[
        "faces"
    ]
    image = {"image": base64.b64encode(body).decode()}
    answer = client.post(
        "/verify", json={"source": image, "target": {"embedding": face["embedding"]}}
    ).json()
    assert answer["similarity"] == pytest.approx(1, abs=1e-4)
    assert answer["source"]["quality"]
    assert answer["target"] is None


def test_the_length_of_an_embedding_does_not_count(client: httpx.Client) -> None:
    vector = [float(n % 7) - 3 for n in range(128)]
    long = [1000 * value for value in vector]
    body = {"source": {"embedding": vector}, "target": {"embedding": long}}
    assert client.post("/verify", json=body).json()["similarity"] == pytest.approx(1, abs=1e-5)


def test_a_face_too_poor_to_judge_is_inconclusive(client: httpx.Client) -> None:
    answer = compared(client, photographs.crop(blur=9), photographs.crop(), aligned=True)
    assert answer["source"]["quality"]["score"] < 10 < answer["target"]["quality"]["score"]
    assert answer["decision"] == "inconclusive"
    assert answer["reasons"] == ["low-quality"]
