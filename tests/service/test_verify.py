"""What `/verify` promises."""

from __future__ import annotations

import base64

import httpx
import pytest

from tests import photographs

from .serving import problem


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
    assert answer["reasons"] == ["low_quality_probe"]


def test_a_threshold_stands_for_the_rate_that_asks_for_it(client: httpx.Client) -> None:
    body = photographs.astronaut()
    for fmr in (1e-1, 1e-3, 2e-4):
        asked = compared(client, body, body, fmr=fmr)
        given = compared(client, body, body, threshold=asked["threshold"])
        assert given["threshold"] == asked["threshold"]
        assert given["fmr"] == pytest.approx(fmr, rel=1e-3)
        assert given["probability"] == asked["probability"]
    assert given["fmr_supported"] is True


def test_a_threshold_decides(client: httpx.Client) -> None:
    files = photographs.astronaut(), photographs.portrait()
    similarity = compared(client, *files)["similarity"]
    below, above = similarity - 0.001, min(1.0, similarity + 0.001)
    assert compared(client, *files, threshold=below)["decision"] == "match"
    assert compared(client, *files, threshold=above)["decision"] == "no_match"


@pytest.mark.parametrize("threshold", [-1, -0.2, 0.95])
def test_a_threshold_beyond_the_evidence_is_marked(client: httpx.Client, threshold: float) -> None:
    body = photographs.crop()
    answer = compared(client, body, body, aligned=True, threshold=threshold)
    assert answer["fmr_supported"] is False
    assert 0 < answer["fmr"] <= 1


def test_a_rate_and_a_threshold_together_are_refused(client: httpx.Client) -> None:
    vector = {"embedding": [0.5] * 128}
    both = {"fmr": 1e-3, "threshold": 0.4}
    answer = client.post("/verify", json={"source": vector, "target": vector}, params=both)
    assert problem(answer) == (422, "invalid-request")
    assert "fmr" in answer.json()["detail"]


@pytest.mark.parametrize("threshold", ["nan", "inf", "-inf", "1.01", "-1.01", "", "high"])
@pytest.mark.parametrize("path", ["/verify", "/identify"])
def test_a_threshold_that_is_no_cosine_is_refused(
    client: httpx.Client, path: str, threshold: str
) -> None:
    vector = [0.5] * 128
    side = {"embedding": vector}
    body = {"/verify": {"source": side, "target": side}, "/identify": {"embeddings": [vector]}}
    answer = client.post(path, json=body[path], params={"threshold": threshold})
    assert problem(answer) == (422, "invalid-request")
    assert "threshold" in answer.json()["detail"]
