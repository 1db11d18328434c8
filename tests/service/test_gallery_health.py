"""What is found wrong with who is enrolled, and what a collection's own calibration is worth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from models import bundle as bundles
from service.errors import CalibrationImpossible, CalibrationNotFound, ServiceError
from service.gallery import NewFace, NewPerson
from service.gallery.local import LocalGallery
from service.gallery_health import examined
from service.runtime import Service
from service.settings import STARTER, Settings
from service.site_calibration import SiteCalibrations, calibrated
from tests import photographs

from .people import PNG, created, enroll, members
from .serving import problem

PEOPLE = 60


@pytest.fixture(scope="module")
def group(client: httpx.Client) -> list[bytes]:
    return members(client)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The starter's calibration over an empty gallery; nothing is embedded here."""
    bundle = bundles.load(STARTER)
    manifest = bundle.manifest
    gallery = LocalGallery.open(tmp_path, bundle=manifest.id, dimension=manifest.embedding_size)
    settings = Settings(data_dir=tmp_path)
    yield Service(settings, bundle, None, gallery, {})  # type: ignore[arg-type]
    gallery.close()


def drawn(person: int, face: int, spread: float = 0.5) -> np.ndarray:
    """A unit vector near the person's own direction."""
    own = np.random.default_rng(person).normal(size=128)
    away = np.random.default_rng([person, face]).normal(size=128)
    vector = own / np.linalg.norm(own) + spread * away / np.linalg.norm(away)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def filled(service: Service, persons: int, each: int = 3) -> None:
    for person in range(persons):
        service.gallery.create_person("default", NewPerson(id=f"p{person}"))
        faces = [NewFace(drawn(person, n), 20.0, 80.0, 0.9) for n in range(each)]
        service.gallery.enroll("default", f"p{person}", faces)


def test_a_face_under_the_wrong_name_is_found_with_whose_it_may_be(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    created(client, collection, "eileen", "ann", "empty")
    enroll(client, collection, "ann", group[0])
    enroll(client, collection, "eileen", photographs.astronaut(), photographs.portrait())
    wrong = enroll(
        client, collection, "eileen", group[0], allow_conflict=True, allow_duplicate=True
    ).json()["faces"][0]["id"]
    found = client.get(f"/collections/{collection}/health").json()
    assert (found["examined"], found["person_count"], found["next"]) == (3, 2, None)
    [outlier] = found["outliers"]
    assert (outlier["person"]["id"], outlier["face"]) == ("eileen", wrong)
    assert outlier["similarity"] < found["fit_threshold"]
    assert outlier["closest"]["person"]["id"] == "ann"
    assert [(each["person"]["id"], each["reason"]) for each in found["weak"]] == [
        ("empty", "no_faces")
    ]


def test_one_person_under_two_names_is_told_once(
    client: httpx.Client, collection: str, group: list[bytes]
) -> None:
    created(client, collection, "eileen", "ann", "twin")
    enroll(client, collection, "eileen", photographs.astronaut())
    enroll(client, collection, "ann", group[0])
    enroll(client, collection, "twin", photographs.portrait(), allow_duplicate=True)
    pairs, after = [], None
    for _ in range(3):
        query = {"limit": 1} | ({"after": after} if after else {})
        page = client.get(f"/collections/{collection}/health", params=query).json()
        pairs += [[p["id"] for p in each["persons"]] for each in page["duplicates"]]
        after = page["next"]
    assert pairs == [["eileen", "twin"]]
    assert after is None
    unknown = client.get("/collections/nowhere/health")
    assert problem(unknown) == (404, "collection-not-found")


def test_a_healthy_gallery_has_nothing_to_tell_and_a_poor_face_is_weak(service: Service) -> None:
    filled(service, PEOPLE)
    service.gallery.create_person("default", NewPerson(id="blurred"))
    service.gallery.enroll("default", "blurred", [NewFace(drawn(99, 0), 10.0, 20.0, 0.9)])
    persons = service.gallery.persons("default", None, 1000).items
    found = examined(service, "default", persons)
    assert (found.outliers, found.duplicates) == ([], [])
    assert [(each.person.id, each.reason, each.quality) for each in found.weak] == [
        ("blurred", "low_quality", 20.0)
    ]


def test_a_collection_is_calibrated_on_its_own_people(service: Service) -> None:
    filled(service, PEOPLE)
    made = calibrated(service, service.gallery.collection("default"))
    assert (made.persons, made.faces) == (PEOPLE, 3 * PEOPLE)
    assert made.score.genuines == 3 * PEOPLE
    assert made.score.impostors == 9 * PEOPLE * (PEOPLE - 1) // 2
    vectors = np.stack([drawn(person, n) for person in range(PEOPLE) for n in range(3)])
    persons = np.repeat(np.arange(PEOPLE), 3)
    scores = vectors @ vectors.T
    impostors = scores[persons[:, None] > persons]
    assert (impostors >= made.score.threshold(0.01)).mean() == pytest.approx(0.01, rel=0.1)


def test_a_photograph_that_came_twice_is_no_genuine_pair(service: Service) -> None:
    filled(service, PEOPLE, each=2)
    service.gallery.enroll("default", "p0", [NewFace(drawn(0, 0), 20.0, 80.0, 0.9)])
    made = calibrated(service, service.gallery.collection("default"))
    assert made.faces == 2 * PEOPLE


def test_too_few_people_calibrate_nothing(service: Service) -> None:
    for count in (0, 5):
        filled(service, count)
        with pytest.raises(CalibrationImpossible):
            calibrated(service, service.gallery.collection("default"))


def test_a_calibration_is_of_one_collection_and_one_model(service: Service) -> None:
    kept = SiteCalibrations(service.settings.data_dir)
    filled(service, 20)
    collection = service.gallery.collection("default")
    made = calibrated(service, collection)
    kept.keep(made)
    assert kept.current(collection) == made
    service.gallery.delete_collection("default")  # emptied: another one of the same name
    emptied = service.gallery.collection("default")
    with pytest.raises(CalibrationNotFound):
        kept.current(emptied)
    kept.keep(made.model_copy(update={"bundle": "another", "collection": "default"}))
    with pytest.raises(CalibrationNotFound):
        kept.current(collection)
    kept.remove("default")
    with pytest.raises(ServiceError, match="calibration=shipped"):
        kept.current(collection)


def test_a_search_asks_for_the_collections_own_thresholds(
    client: httpx.Client, collection: str, persons: Path
) -> None:
    place = f"/collections/{collection}/calibration"
    query = {"collection": collection, "calibration": "site"}
    probe = {"content": photographs.astronaut(), "headers": PNG}
    assert problem(client.get(place)) == (404, "calibration-not-found")
    missing = client.post("/identify", params=query, **probe)
    assert problem(missing) == (404, "calibration-not-found")
    assert problem(client.post(place)) == (409, "calibration-impossible")
    for folder in sorted(persons.iterdir()):
        created(client, collection, folder.name)
        images = [path.read_bytes() for path in sorted(folder.iterdir())]
        enroll(client, collection, folder.name, *images, allow_duplicate=True)
    made = client.post(place)
    assert made.status_code == 201, made.text
    assert client.get(place).json() == made.json()
    assert made.json()["persons"] == 24
    shipped = client.post("/identify", params={"collection": collection}, **probe).json()
    site = client.post("/identify", params=query, **probe).json()
    assert site["threshold"] > shipped["threshold"]  # its 'strangers' are all one person
    assert client.delete(place).status_code == 204
    assert problem(client.get(place)) == (404, "calibration-not-found")
    after = client.post("/identify", params={"collection": collection}, **probe).json()
    assert after["threshold"] == shipped["threshold"]


def test_a_model_is_told_with_its_card(client: httpx.Client) -> None:
    [listed] = client.get("/models").json()["items"]
    for name in (listed["id"], listed["name"]):
        model = client.get(f"/models/{name}").json()
        assert {key: model[key] for key in listed} == listed
    card = (STARTER / bundles.CARD).read_text()
    assert model["card"] == card
    manifest = bundles.load(STARTER).manifest
    assert model["files"] == manifest.files
    assert model["quality"]["center"] == pytest.approx(manifest.quality.center)
    text = client.get(f"/models/{listed['id']}/card")
    assert text.headers["content-type"] == "text/markdown; charset=utf-8"
    assert text.text == card
    assert problem(client.get("/models/nobody")) == (404, "model-not-found")
    assert problem(client.get("/models/nobody/card")) == (404, "model-not-found")
