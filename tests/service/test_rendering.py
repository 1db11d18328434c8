"""Answers are written without pydantic; they are what their models say nonetheless."""

from __future__ import annotations

import base64
import json

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.components import Components
from service import schemas
from service.pipeline import FaceFeatures, Quality
from service.rendering import encoded, face
from tests import photographs

PNG = {"Content-Type": "image/png"}
finite = st.floats(-1, 1, width=32)


def features(vector: list[float]) -> FaceFeatures:
    seen = Components(0.5, 0.5, 0.05)
    return FaceFeatures(None, np.array(vector, np.float32), Quality(None, 20.0, seen))


@settings(deadline=None)  # a machine may have other work
@given(st.lists(finite, min_size=1, max_size=64))
def test_an_embedding_in_json_is_the_one_computed_to_the_last_bit(vector: list[float]) -> None:
    found = features(vector)
    numbers = json.loads(encoded(face(found, "float")))["embedding"]
    assert np.array(numbers, np.float32).tobytes() == found.embedding.tobytes()
    coded = json.loads(encoded(face(found, "base64")))["embedding"]
    assert base64.b64decode(coded) == found.embedding.astype("<f4").tobytes()
    assert face(found, "none")["embedding"] is None


def same(document: object, dumped: object) -> bool:
    """Whether a document has exactly the fields that its model wrote."""
    if isinstance(dumped, dict):
        return (
            isinstance(document, dict)
            and set(document) == set(dumped)
            and all(same(document[key], dumped[key]) for key in dumped)
        )
    if isinstance(dumped, list):
        return isinstance(document, list) and all(map(same, document, dumped))
    return document == dumped or document == pytest.approx(dumped)


@pytest.mark.parametrize("form", ["none", "float", "base64"])
@pytest.mark.parametrize("path", ["/embed", "/verify", "/identify"])
def test_answers_fit_their_models_and_nothing_else_is_in_them(
    client: httpx.Client, path: str, form: str
) -> None:
    models = {
        "/embed": schemas.Faces,
        "/verify": schemas.Verification,
        "/identify": schemas.Identification,
    }
    body, model = photographs.astronaut(), models[path]
    files = {"source": body, "target": body} if path == "/verify" else {"image": body}
    answer = client.post(path, files=files, params={"embedding": form})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    dumped = model.model_validate_json(answer.content).model_dump(mode="json")
    assert same(answer.json(), dumped)


def test_an_aligned_crop_fits_its_model_too(client: httpx.Client) -> None:
    answer = client.post(
        "/embed", content=photographs.crop(), headers=PNG, params={"aligned": True}
    )
    dumped = schemas.Faces.model_validate_json(answer.content).model_dump(mode="json")
    assert same(answer.json(), dumped)
