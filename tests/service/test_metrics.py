"""What `/metrics` counts: requests' images, faces, decisions, and the gallery; nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from service import telemetry
from tests import photographs
from tests.service.wire import settles

from .serving import Server

JPEG = {"Content-Type": "image/jpeg"}
Sample = tuple[str, tuple[str, ...]]


class Change(dict[Sample, float]):
    """By how much each sample grew; by name and the values of its labels, sorted by label."""

    def of(self, name: str, *labels: str) -> float:
        return self.get((name, labels), 0.0)


def samples(client: httpx.Client) -> dict[Sample, float]:
    return {
        (each.name, tuple(value for _, value in sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for each in family.samples
    }


@contextmanager
def change(client: httpx.Client) -> Iterator[Change]:
    """What grew meanwhile; no other test asks the server at the same time."""
    before, grown = samples(client), Change()
    yield grown
    grown.update({key: n - before.get(key, 0.0) for key, n in samples(client).items()})


def test_an_image_is_counted_with_its_faces_and_their_quality(client: httpx.Client) -> None:
    with change(client) as grew:
        read = client.post("/embed", content=photographs.group(), headers=JPEG).json()["faces"]
    assert grew.of("face_faces_per_image_count") == 1
    assert grew.of("face_faces_per_image_sum") == len(read) == 6
    assert grew.of("face_faces_per_image_bucket", "4.0") == 0
    assert grew.of("face_faces_per_image_bucket", "8.0") == 1
    assert grew.of("face_quality_score_count") == 6
    scores = [face["quality"]["score"] for face in read]
    assert grew.of("face_quality_score_sum") == pytest.approx(sum(scores), abs=0.1)


def test_an_image_without_a_face_counts_and_one_that_is_none_does_not(
    client: httpx.Client,
) -> None:
    with change(client) as grew:
        coffee = photographs.without_faces("coffee.png")
        assert client.post("/detect", content=coffee, headers=JPEG).json()["faces"] == []
        assert client.post("/detect", content=b"rubbish", headers=JPEG).status_code >= 400
    assert grew.of("face_faces_per_image_count") == 1
    assert grew.of("face_faces_per_image_bucket", "0.0") == 1
    assert grew.of("face_quality_score_count") == 0


def test_every_image_of_a_batch_counts(client: httpx.Client) -> None:
    files = [
        ("images", photographs.group()),
        ("images", b"rubbish"),
        ("images", photographs.crop()),
    ]
    with change(client) as grew:
        assert client.post("/detect/batch", files=files).status_code == 200
    assert grew.of("face_faces_per_image_count") == 2


def test_faces_wait_for_the_recognizer_and_images_for_the_detector(running: Server) -> None:
    with change(running.client) as grew:
        running.client.post("/embed", content=photographs.group(), headers=JPEG)
    assert grew.of("face_queue_duration_seconds_count", "recognizer") >= 6
    assert grew.of("face_batch_size_sum", "recognizer") >= 6
    assert grew.of("face_batch_size_bucket", "4.0", "recognizer") >= 2  # at most 4 in a batch
    assert grew.of("face_batch_size_sum", "detector") >= 1
    assert settles(running, "face_decoded_pixels", 0)


def test_a_decision_counts_with_the_similarity_that_was_told(
    client: httpx.Client, collection: str
) -> None:
    client.post(f"/collections/{collection}/persons", json={"id": "one"})
    faces = f"/collections/{collection}/persons/one/faces"
    assert client.post(faces, content=photographs.astronaut(), headers=JPEG).status_code == 201
    both = {"source": photographs.astronaut(), "target": photographs.portrait()}
    with change(client) as grew:
        similarity = client.post("/verify", files=both).json()["similarity"]
        found = client.post(
            "/identify",
            content=photographs.astronaut(),
            headers=JPEG,
            params={"collection": collection},
        )
    assert found.json()["results"][0]["decision"] == "match"
    for operation in ("verify", "identify"):
        assert grew.of("face_decisions_total", operation, "match") == 1
        assert grew.of("face_similarity_count", operation, "match") == 1
    assert similarity > 0.95
    assert grew.of("face_similarity_bucket", "0.95", "verify", "match") == 0
    assert grew.of("face_similarity_bucket", "1.0", "verify", "match") == 1


def test_a_similarity_that_is_not_told_cannot_be_read_from_the_metrics(
    client: httpx.Client, collection: str
) -> None:
    client.post(f"/collections/{collection}/persons", json={"id": "one"})
    faces = f"/collections/{collection}/persons/one/faces"
    assert client.post(faces, content=photographs.astronaut(), headers=JPEG).status_code == 201
    with change(client) as grew:
        answer = client.post(
            "/identify",
            content=photographs.group(),
            headers=JPEG,
            params={"collection": collection, "threshold": 0.9, "max_faces": 2},
        )
    assert [each["similarity"] for each in answer.json()["results"]] == [None, None]
    counted = [n for (name, _), n in grew.items() if name == "face_decisions_total"]
    assert sum(counted) == 2
    assert not any(n for (name, _), n in grew.items() if name.startswith("face_similarity"))


def test_the_gallery_is_counted_as_it_is(client: httpx.Client, collection: str) -> None:
    with change(client) as grew:
        client.post(f"/collections/{collection}/persons", json={"id": "one"})
        faces = f"/collections/{collection}/persons/one/faces"
        client.post(faces, content=photographs.astronaut(), headers=JPEG)
    assert grew.of("face_gallery_persons") == 1
    assert grew.of("face_gallery_faces") == 1
    with change(client) as shrunk:
        assert client.delete(f"/collections/{collection}").status_code == 204
    assert shrunk.of("face_gallery_persons") == -1
    assert shrunk.of("face_gallery_faces") == -1
    assert shrunk.of("face_gallery_collections") == -1


def test_stages_of_a_search_are_timed(client: httpx.Client, collection: str) -> None:
    with change(client) as grew:
        client.post(
            "/identify",
            content=photographs.astronaut(),
            headers=JPEG,
            params={"collection": collection},
        )
    for stage in ("queue", "decode", "detect", "align", "embed", "search"):
        assert grew.of("face_stage_duration_seconds_count", stage) >= 1


def test_what_is_read_for_no_request_does_not_count() -> None:
    before = REGISTRY.get_sample_value("face_faces_per_image_count")
    telemetry.read([50.0])
    assert REGISTRY.get_sample_value("face_faces_per_image_count") == before


def test_what_waits_is_added_up_over_models() -> None:
    one = {"detector": {"interactive": 2, "bulk": 0}, "recognizer": {"interactive": 1, "bulk": 5}}
    telemetry.waiting([one, one])
    labels = {"model": "recognizer", "lane": "bulk"}
    assert REGISTRY.get_sample_value("face_queue_items", labels) == 10
    telemetry.waiting([one])
    assert REGISTRY.get_sample_value("face_queue_items", labels) == 5


def test_the_model_is_named_by_what_it_is(client: httpx.Client) -> None:
    [model] = client.get("/models").json()["items"]
    [labels] = [labels for name, labels in samples(client) if name == "face_model_info"]
    assert set(labels) >= {model["id"], model["name"], model["version"], model["provider"]}
