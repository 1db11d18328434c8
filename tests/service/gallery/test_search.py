"""What a search finds, what it refuses, and that a failing index is no reason to find less."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from service.errors import (
    BundleMismatch,
    InvalidEmbedding,
)
from service.gallery.index import Index
from service.gallery.local import LocalGallery
from service.gallery.protocol import NewPerson

from .faces import BUNDLE, DIMENSION, direction, enrolled, face, found, opened


def test_the_most_similar_persons_come_first_for_each_probe(gallery: LocalGallery) -> None:
    for seed in range(20):
        enrolled(gallery, f"p{seed}", seed)
    probes = np.stack([direction(3), direction(8)])
    answers = gallery.search("default", probes, 4)
    for probe, candidates, own in zip(probes, answers, ("p3", "p8"), strict=True):
        cosines = sorted((float(direction(seed) @ probe) for seed in range(20)), reverse=True)
        assert [c.similarity for c in candidates] == pytest.approx(cosines[:4], abs=1e-5)
        assert candidates[0].person == gallery.person("default", own)


def test_a_person_is_found_once_however_many_faces(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    gallery.enroll("default", "ada", [face(direction(1))] * 3)
    assert found(gallery, direction(1)) == ["ada"]
    assert gallery.size("default") == 1


def test_a_sharp_face_weighs_more_and_deleting_it_undoes_that(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    [sharp] = gallery.enroll("default", "ada", [face(direction(2), norm=60.0)])
    expected = 20 * direction(1) + 60 * direction(2)
    expected /= np.linalg.norm(expected)
    for wanted in (expected, direction(1)):
        [[best]] = gallery.search("default", direction(2)[np.newaxis], 1)
        assert best.similarity == pytest.approx(float(wanted @ direction(2)), abs=1e-5)
        if wanted is expected:
            gallery.delete_face("default", "ada", sharp.id)


def test_persons_without_faces_are_not_found(gallery: LocalGallery) -> None:
    only = enrolled(gallery, "ada", 1)
    gallery.create_person("default", NewPerson(id="eve"))
    gallery.delete_face("default", "ada", only)
    assert found(gallery, direction(1)) == []
    assert gallery.size("default") == 0
    assert gallery.person("default", "ada").face_count == 0


def test_a_deleted_person_is_not_found_and_the_id_is_free(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    gallery.delete_person("default", "ada")
    assert found(gallery, direction(1)) == []
    enrolled(gallery, "ada", 2)
    [[best]] = gallery.search("default", direction(2)[np.newaxis], 5)
    assert best.similarity == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("gone", ["person", "face"])
def test_a_person_who_goes_during_the_search_is_left_out(
    gallery: LocalGallery, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = enrolled(gallery, "ada", 1)
    enrolled(gallery, "eve", 2)
    search = Index.search

    def late(self: Index, *asked: object) -> object:
        answer = search(self, *asked)
        if gone == "person":
            gallery.delete_person("default", "ada")
        else:
            gallery.delete_face("default", "ada", only)
        return answer

    monkeypatch.setattr(Index, "search", late)
    assert found(gallery, direction(1)) == ["eve"]


def test_equally_similar_persons_come_in_the_order_of_creation(gallery: LocalGallery) -> None:
    for each in ("c", "a", "b"):
        enrolled(gallery, each, 1)
    gallery.enroll("default", "c", [face(direction(1))])  # moves it within the index
    assert found(gallery, direction(1)) == ["c", "a", "b"]


@pytest.mark.parametrize("limit", [1, 1000])
def test_an_empty_collection_gives_an_empty_list_for_each_probe(
    gallery: LocalGallery, limit: int
) -> None:
    assert gallery.search("default", np.stack([direction(1), direction(2)]), limit) == [[], []]


def test_no_probes_and_no_faces_are_fine(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    assert gallery.search("default", np.empty((0, DIMENSION), np.float32), 5) == []
    assert gallery.enroll("default", "ada", []) == []


NOT_UNIT = [
    np.ones(DIMENSION + 1, np.float32) / np.sqrt(DIMENSION + 1, dtype=np.float32),
    np.full(DIMENSION, np.nan, np.float32),
    np.full(DIMENSION, np.inf, np.float32),
    np.zeros(DIMENSION, np.float32),
    direction(1) * 2,
]


@pytest.mark.parametrize("vector", NOT_UNIT)
def test_unusable_vectors_are_refused_and_change_nothing(
    gallery: LocalGallery, vector: np.ndarray
) -> None:
    enrolled(gallery, "ada", 1)
    with pytest.raises(InvalidEmbedding):
        gallery.enroll("default", "ada", [face(direction(2)), face(vector)])
    with pytest.raises(InvalidEmbedding):
        gallery.search("default", vector[np.newaxis], 1)
    assert gallery.person("default", "ada").face_count == 1


@pytest.mark.parametrize("norm", [0.0, -1.0, float("nan"), float("inf")])
def test_norms_that_weigh_nothing_are_refused(gallery: LocalGallery, norm: float) -> None:
    gallery.create_person("default", NewPerson(id="ada"))
    with pytest.raises(InvalidEmbedding, match="norm"):
        gallery.enroll("default", "ada", [face(direction(1), norm)])


def test_faces_of_another_model_are_neither_searched_nor_mixed(tmp_path: Path) -> None:
    gallery = opened(tmp_path)
    only = enrolled(gallery, "ada", 1)
    gallery.close()
    gallery = LocalGallery.open(tmp_path, bundle="other@2", dimension=4)
    other = np.array([1, 0, 0, 0], np.float32)
    for call in (
        lambda: gallery.search("default", other[np.newaxis], 1),
        lambda: gallery.enroll("default", "ada", [face(other)]),
        lambda: gallery.size("default"),
    ):
        with pytest.raises(BundleMismatch, match=r"starter@1.*other@2"):
            call()
    assert gallery.collection("default").bundle == BUNDLE
    gallery.delete_face("default", "ada", only)  # an empty collection is anyone's
    assert gallery.collection("default").bundle == "other@2"
    gallery.enroll("default", "ada", [face(other)])
    assert found(gallery, other) == ["ada"]
    gallery.close()


def test_a_model_change_leaves_collections_of_the_model_searchable(tmp_path: Path) -> None:
    gallery = opened(tmp_path)
    enrolled(gallery, "ada", 1)
    gallery.close()
    gallery = opened(tmp_path, "other@2")
    gallery.create_collection("new", None, {})
    enrolled(gallery, "eve", 2, "new")
    gallery.close()
    gallery = opened(tmp_path)
    assert found(gallery, direction(1)) == ["ada"]
    with pytest.raises(BundleMismatch, match="new"):
        gallery.size("new")
    gallery.close()


@pytest.mark.parametrize("broken", ["put", "remove"])
def test_an_index_that_fails_is_read_anew(
    gallery: LocalGallery,
    broken: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    enrolled(gallery, "ada", 1)
    enrolled(gallery, "eve", 2)

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Index, broken, fail)
    with caplog.at_level(logging.ERROR):
        enrolled(gallery, "joe", 3)
        gallery.delete_person("default", "ada")
    assert "indexing failed" in caplog.text
    assert found(gallery, direction(3))[0] == "joe"
    assert set(found(gallery, direction(1))) == {"eve", "joe"}


def test_an_index_that_cannot_be_read_anew_is_read_by_the_next_search(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(gallery, "ada", 1)

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Index, "put", fail)
        patch.setattr(Index, "add", fail)
        enrolled(gallery, "eve", 2)  # it is on the disk
        with pytest.raises(MemoryError):
            found(gallery, direction(2))
    assert set(found(gallery, direction(2))) == {"ada", "eve"}


def test_closing_twice_is_fine(gallery: LocalGallery) -> None:
    gallery.close()
    gallery.close()
