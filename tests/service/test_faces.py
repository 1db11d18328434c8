"""What `/detect` and `/embed` promise."""

from __future__ import annotations

import base64
import io

import httpx
import numpy as np
import PIL.Image
import pytest

from tests import photographs

JPEG = {"Content-Type": "image/jpeg"}
PNG = {"Content-Type": "image/png"}


def embedded(client: httpx.Client, body: bytes, **query: object) -> dict[str, object]:
    answer = client.post("/embed", content=body, headers=PNG, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_group_photograph_gives_all_six_faces_and_no_other(client: httpx.Client) -> None:
    faces = client.post("/detect", content=photographs.group(), headers=JPEG).json()["faces"]
    assert len(faces) == 6
    areas = [face["bbox"]["width"] * face["bbox"]["height"] for face in faces]
    assert areas == sorted(areas, reverse=True)


def test_a_portrait_gives_one_face_with_everything_that_is_known(client: httpx.Client) -> None:
    answer = client.post("/detect", content=photographs.astronaut(), headers=PNG)
    document = answer.json()
    [face] = document["faces"]
    assert (document["width"], document["height"]) == (512, 512)
    assert document["truncated"] is False
    assert 0.5 <= face["detection_score"] <= 1
    assert face["embedding"] is None
    assert face["quality"]["score"] > 50
    assert face["quality"]["norm"] > 0
    components = face["quality"]["components"]
    assert components["inter_eye_distance"] == pytest.approx(
        np.hypot(*np.subtract(*face["landmarks"][:2])), abs=0.1
    )
    assert abs(components["head_pose_yaw"]) < 30
    assert components["outside_frame"] == 0
    assert 0 < components["luminance_mean"] < 1
    assert face["quality"]["advice"] == []
    box = face["bbox"]
    for x, y in face["landmarks"]:
        assert box["x"] < x < box["x"] + box["width"]
        assert box["y"] < y < box["y"] + box["height"]
    assert "decode;dur=" in answer.headers["server-timing"]


@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "rocket.jpg"])
def test_an_image_without_faces_gives_an_empty_list(client: httpx.Client, name: str) -> None:
    assert embedded(client, photographs.without_faces(name))["faces"] == []


def test_both_forms_of_an_embedding_are_the_same_unit_vector(client: httpx.Client) -> None:
    body = photographs.astronaut()
    [numbers] = embedded(client, body)["faces"]
    [coded] = embedded(client, body, embedding="base64")["faces"]
    vector = np.frombuffer(base64.b64decode(coded["embedding"]), "<f4")
    assert np.allclose(vector, numbers["embedding"], atol=1e-6)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_raw_multipart_and_json_give_the_same_answer(client: httpx.Client) -> None:
    body = photographs.astronaut()
    coded = base64.b64encode(body).decode()
    answers = [
        client.post("/embed", content=body, headers=PNG),
        client.post("/embed", files={"image": ("a.png", body, "image/png")}),
        client.post("/embed", json={"image": coded}),
    ]
    first, *others = [answer.json() for answer in answers]
    assert first["faces"]
    assert all(other == first for other in others)


def test_only_the_largest_face_is_answered_where_it_is_asked_for(client: httpx.Client) -> None:
    body = photographs.group()
    every, largest = embedded(client, body), embedded(client, body, largest=True)
    assert largest["faces"] == every["faces"][:1]
    assert largest["truncated"] is False


def test_a_cut_off_list_of_faces_says_so(client: httpx.Client) -> None:
    answer = embedded(client, photographs.group(), max_faces=2)
    assert len(answer["faces"]) == 2
    assert answer["truncated"] is True


def test_a_higher_detection_score_is_a_stricter_detector(client: httpx.Client) -> None:
    assert embedded(client, photographs.group(), min_detection_score=0.99)["faces"] == []


def test_an_aligned_crop_is_embedded_as_it_is(client: httpx.Client) -> None:
    [face] = embedded(client, photographs.crop(), aligned=True)["faces"]
    assert face["bbox"] is None
    assert face["landmarks"] is None
    assert len(face["embedding"]) == 128


def test_a_rotated_photograph_is_read_upright(client: httpx.Client) -> None:
    """The same face whatever way the camera was held; boxes are in the upright image."""
    upright = PIL.Image.open(io.BytesIO(photographs.portrait()))
    turned = upright.transpose(PIL.Image.Transpose.ROTATE_90)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise for viewing
    buffer = io.BytesIO()
    turned.save(buffer, "JPEG", quality=95, exif=exif)
    answer = client.post("/embed", content=buffer.getvalue(), headers=JPEG).json()
    reference = client.post("/embed", content=photographs.portrait(), headers=JPEG).json()
    assert (answer["width"], answer["height"]) == (640, 480)
    cosine = np.dot(answer["faces"][0]["embedding"], reference["faces"][0]["embedding"])
    assert cosine > 0.98


def test_blur_lowers_the_quality_score(client: httpx.Client) -> None:
    scores = []
    for radius in (0, 2, 4):
        faces = embedded(client, photographs.blurred(radius), min_detection_score=0.2)["faces"]
        surest = max(faces, key=lambda face: face["detection_score"])
        scores.append(surest["quality"]["score"])
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[-1] > 20
