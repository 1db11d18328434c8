"""What a person is compared by is the collection's choice, and can be changed while it is searched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import RenewalConflict
from service.gallery.local import LocalGallery
from service.gallery.protocol import NewPerson

from .faces import BUNDLE, DIMENSION, direction, face

NORMS = {"ada": [10.0, 60.0], "eve": [20.0], "bob": [30.0, 30.0, 5.0]}
SEEDS = {"ada": [1, 2], "eve": [3], "bob": [4, 5, 6]}


def opened(directory: Path, large: int = 1000) -> LocalGallery:
    gallery = LocalGallery.open(directory, bundle=BUNDLE, dimension=DIMENSION, large=large)
    while gallery.building:
        time.sleep(0.001)
    return gallery


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[LocalGallery]:
    gallery = opened(tmp_path / "data")
    for person, seeds in SEEDS.items():
        gallery.create_person("default", NewPerson(id=person))
        faces = [face(direction(s), n) for s, n in zip(seeds, NORMS[person], strict=True)]
        gallery.enroll("default", person, faces)
    yield gallery
    gallery.close()


def expected(fusion: str, probe: NDArray[np.float32]) -> dict[str, float]:
    """The similarity of each person, by hand."""
    if fusion == "max":
        return {who: max(float(direction(s) @ probe) for s in SEEDS[who]) for who in SEEDS}
    found = {}
    for who, seeds in SEEDS.items():
        weights = NORMS[who] if fusion == "norm_weighted" else [1.0] * len(seeds)
        total = sum(w * direction(s) for w, s in zip(weights, seeds, strict=True))
        found[who] = float(total @ probe / np.linalg.norm(total))
    return found


def similarities(gallery: LocalGallery, probe: NDArray[np.float32]) -> dict[str, float]:
    [candidates] = gallery.search("default", probe[np.newaxis], 10)
    scores = [each.similarity for each in candidates]
    assert scores == sorted(scores, reverse=True)
    return {each.person.id: each.similarity for each in candidates}


def fused(gallery: LocalGallery, fusion: str | None) -> None:
    """Changes it and waits until it answers so."""
    gallery.change_collection("default", {"settings": {"template": fusion}})
    deadline = time.monotonic() + 30
    view = gallery._store.index
    while view("default").layout.fusion != (fusion or "norm_weighted"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("fusion", ["norm_weighted", "mean", "max"])
def test_the_similarities_are_those_of_the_fusion(gallery: LocalGallery, fusion: str) -> None:
    fused(gallery, fusion)
    for seed in range(8):
        probe = direction(seed)
        assert similarities(gallery, probe) == pytest.approx(expected(fusion, probe), abs=1e-5)
    fused(gallery, None)
    assert similarities(gallery, direction(1)) == pytest.approx(
        expected("norm_weighted", direction(1)), abs=1e-5
    )


def test_with_the_most_similar_face_persons_come_once_and_as_many_as_asked(
    gallery: LocalGallery,
) -> None:
    fused(gallery, "max")
    gallery.create_person("default", NewPerson(id="crowd"))
    crowd = [direction(7) + 0.01 * direction(n) for n in range(100, 160)]
    gallery.enroll("default", "crowd", [face(v / np.linalg.norm(v)) for v in crowd])
    assert gallery.size("default") == 4
    for limit in (1, 2, 3, 4, 9):
        found = gallery.search("default", np.stack([direction(7), direction(3)]), limit)
        assert [len({c.person.id for c in each}) for each in found] == [min(limit, 4)] * 2
        assert [each[0].person.id for each in found] == ["crowd", "eve"]


def test_with_the_most_similar_face_every_change_is_seen(gallery: LocalGallery) -> None:
    fused(gallery, "max")
    [first, second] = gallery.faces("default", "ada", None, 9).items
    gallery.delete_face("default", "ada", first.id)
    assert similarities(gallery, direction(1))["ada"] == pytest.approx(
        float(direction(2) @ direction(1)), abs=1e-5
    )
    gallery.move_face("default", "ada", second.id, "eve")
    assert gallery.size("default") == 2
    assert similarities(gallery, direction(2))["eve"] == pytest.approx(1, abs=1e-5)
    gallery.merge_persons("default", "eve", "bob")
    assert similarities(gallery, direction(3)) == pytest.approx({"bob": 1}, abs=1e-5)
    gallery.delete_person("default", "bob")
    assert similarities(gallery, direction(3)) == {}
    assert gallery.size("default") == 0


def test_until_the_new_index_is_there_the_old_one_answers_and_follows(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, beside = Event(), gallery._store.indexes._beside
    original = beside._read

    def slow(*arguments: object) -> object:
        view = original(*arguments)
        assert go_on.wait(30)
        return view

    monkeypatch.setattr(beside, "_read", slow)
    gallery.change_collection("default", {"settings": {"template": "max"}})
    gallery.delete_person("default", "eve")
    gallery.create_person("default", NewPerson(id="new"))
    gallery.enroll("default", "new", [face(direction(9))])
    before = similarities(gallery, direction(1))
    assert before["ada"] == pytest.approx(expected("norm_weighted", direction(1))["ada"], abs=1e-5)
    assert before.keys() == {"ada", "bob", "new"}
    go_on.set()
    fused(gallery, "max")
    assert similarities(gallery, direction(1)).keys() == {"ada", "bob", "new"}
    assert similarities(gallery, direction(1))["ada"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_a_start_reads_the_fusion_from_the_snapshot_too(tmp_path: Path, fusion: str) -> None:
    gallery = opened(tmp_path / "data", large=2)
    gallery.change_collection("default", {"settings": {"template": fusion}})
    for person, seeds in SEEDS.items():
        gallery.create_person("default", NewPerson(id=person))
        faces = [face(direction(s), n) for s, n in zip(seeds, NORMS[person], strict=True)]
        gallery.enroll("default", person, faces)
    fused(gallery, fusion)
    gallery.close()
    again = opened(tmp_path / "data", large=2)
    key = again._store.index("default")
    assert len(again._store.indexes.from_snapshots) == 1
    assert key.layout.fusion == fusion
    for seed in (1, 3, 5):
        assert similarities(again, direction(seed)) == pytest.approx(
            expected(fusion, direction(seed)), abs=1e-5
        )
    again.delete_person("default", "ada")
    assert similarities(again, direction(1)).keys() == {"eve", "bob"}
    again.close()


def test_a_snapshot_of_the_fusion_before_is_worth_nothing(tmp_path: Path) -> None:
    gallery = opened(tmp_path / "data", large=2)
    for person, seeds in SEEDS.items():
        gallery.create_person("default", NewPerson(id=person))
        gallery.enroll("default", person, [face(direction(seed)) for seed in seeds])
    gallery.close()
    gallery = opened(tmp_path / "data", large=2)
    assert list((tmp_path / "data").glob("index-*.snapshot"))
    gallery.change_collection("default", {"settings": {"template": "max"}})
    assert not list((tmp_path / "data").glob("index-*.snapshot"))
    gallery.close()


def test_the_fusion_stays_while_the_model_changes(tmp_path: Path) -> None:
    gallery = LocalGallery.open(tmp_path, bundle=BUNDLE, dimension=DIMENSION, others={"next@1": 24})
    gallery.renewals.begin("default", "next@1")
    with pytest.raises(RenewalConflict, match="template"):
        gallery.change_collection("default", {"settings": {"template": "max"}})
    gallery.change_collection("default", {"settings": {"template": "norm_weighted"}})
    gallery.close()
