"""What a service with an uncalibrated bundle still does, and what it says it cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models import bundle as bundles
from service.settings import STARTER
from tests import photographs

from .serving import Server, command, problem, server

PNG = {"Content-Type": "image/png"}
ALIGNED = {"aligned": True}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter bundle as it would be without photographs to calibrate on."""
    directory = Path(shutil.copytree(STARTER, tmp_path_factory.mktemp("bundles") / "plain"))
    path = directory / bundles.MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"score": None, "quality": None}))
    return directory


@pytest.fixture(scope="module")
def plain(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("plain") / "data", bundle=bundle) as started:
        yield started


@pytest.fixture
def client(plain: Server) -> httpx.Client:
    return plain.client


def verified(client: httpx.Client, **query: object) -> httpx.Response:
    files = {"source": photographs.astronaut(), "target": photographs.portrait()}
    return client.post("/verify", files=files, params=query)


def identified(client: httpx.Client, **query: object) -> httpx.Response:
    return client.post("/identify", content=photographs.astronaut(), headers=PNG, params=query)


def test_it_starts_and_says_so_in_one_line(plain: Server, bundle: Path) -> None:
    [line] = [
        line
        for line in plain.log.read_text().splitlines()
        if json.loads(line)["level"] == "warning" and "calibrat" in line
    ]
    assert bundles.load(bundle).manifest.id in line
    assert f"adaface calibrate {bundle} --images" in line


@pytest.mark.parametrize("path", ["/detect", "/embed"])
def test_faces_have_a_norm_but_no_score(client: httpx.Client, path: str) -> None:
    answer = client.post(path, content=photographs.astronaut(), headers=PNG)
    [face] = answer.json()["faces"]
    assert face["quality"]["score"] is None
    assert face["quality"]["norm"] > 0
    assert face["quality"]["components"]["sharpness"] > 0


@pytest.mark.parametrize("query", [{}, {"fmr": 0.01}])
def test_an_error_rate_is_a_documented_conflict(client: httpx.Client, query: dict) -> None:
    answer = verified(client, **query)
    assert problem(answer) == (409, "uncalibrated")
    assert "threshold" in answer.json()["detail"]
    assert "--images" in answer.json()["detail"]


@pytest.mark.parametrize("query", [{}, {"fpir": 0.01}])
def test_so_it_is_for_a_search(client: httpx.Client, query: dict) -> None:
    assert problem(identified(client, **query)) == (409, "uncalibrated")


def test_a_threshold_decides_without_claiming_a_rate(client: httpx.Client) -> None:
    loose, strict = (verified(client, threshold=t).json() for t in (0.3, 1.0))
    assert (loose["decision"], strict["decision"]) == ("match", "no_match")
    assert (loose["threshold"], strict["threshold"]) == (0.3, 1.0)
    for answer in (loose, strict):
        assert [answer[name] for name in ("fmr", "fmr_supported", "probability")] == [None] * 3


def test_no_face_is_too_poor_where_nobody_knows(client: httpx.Client) -> None:
    files = {"source": photographs.crop(blur=9), "target": photographs.crop(blur=9)}
    answer = client.post("/verify", files=files, params=ALIGNED | {"threshold": 0.3}).json()
    assert answer["decision"] == "match"
    assert answer["reasons"] == []


def test_people_are_enrolled_and_found_by_threshold(client: httpx.Client) -> None:
    faces = "/collections/default/persons/eileen/faces"
    client.post("/collections/default/persons", json={"id": "eileen"})
    for body, query in ((photographs.astronaut(), {}), (photographs.crop(blur=9), ALIGNED)):
        answer = client.post(faces, content=body, headers=PNG, params=query)
        assert answer.status_code == 201, answer.text
    kept = client.get(faces).json()["items"]
    assert [face["quality"] for face in kept] == [None, None]
    found = identified(client, threshold=0.4).json()
    assert found["results"][0]["candidates"][0]["person"]["id"] == "eileen"
    assert found["person_count"] == 1
    assert [found[name] for name in ("fpir", "fmr", "fpir_supported")] == [None] * 3


def test_models_says_that_nothing_is_calibrated(client: httpx.Client) -> None:
    [model] = client.get("/models").json()["items"]
    assert model["calibrated"] is False
    assert (model["impostors"], model["genuines"], model["thresholds"]) == (0, 0, [])


def test_show_says_how_to_calibrate_it(bundle: Path) -> None:
    assert f"adaface calibrate {bundle} --images" in command("models", "show", bundle).stdout
