"""What a caller of the gallery can rely on, besides that it lasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from service.errors import (
    CollectionExists,
    CollectionNotFound,
    FaceNotFound,
    InvalidRequest,
    PersonExists,
    PersonNotFound,
)
from service.gallery.local import LocalGallery
from service.gallery.protocol import Gallery, NewPerson

from .faces import BUNDLE, direction, enrolled, face, found, opened


def test_it_is_a_gallery(gallery: LocalGallery) -> None:
    kept: Gallery = gallery  # for mypy
    assert kept.size("default") == 0


def test_the_default_collection_exists_from_the_start(gallery: LocalGallery) -> None:
    page = gallery.collections(None, 10)
    assert [collection.id for collection in page.items] == ["default"]
    assert page.next is None
    assert page.items[0].bundle == BUNDLE


def test_deleting_the_default_collection_empties_it(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    gallery.delete_collection("default")
    assert gallery.collection("default").person_count == 0
    assert found(gallery, direction(1)) == []
    enrolled(gallery, "ada", 1)
    assert found(gallery, direction(1)) == ["ada"]


def test_a_collection_counts_its_persons_and_faces(gallery: LocalGallery) -> None:
    gallery.create_collection("staff", "Staff", {"site": "Zürich", "floors": [1, None, 2.5]})
    enrolled(gallery, "ada", 1, "staff")
    gallery.enroll("staff", "ada", [face(direction(2))])
    gallery.create_person("staff", NewPerson(id="without a face"))
    staff = gallery.collection("staff")
    assert (staff.name, staff.metadata) == ("Staff", {"site": "Zürich", "floors": [1, None, 2.5]})
    assert (staff.person_count, staff.face_count, gallery.size("staff")) == (2, 2, 1)
    gallery.delete_person("staff", "ada")
    staff = gallery.collection("staff")
    assert (staff.person_count, staff.face_count, gallery.size("staff")) == (1, 0, 0)


def test_times_are_aware_and_now(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    kept = [
        gallery.collection("default").created_at,
        gallery.person("default", "ada").created_at,
        gallery.faces("default", "ada", None, 1).items[0].created_at,
    ]
    assert all(time.utcoffset() == timedelta(0) for time in kept)
    assert all(abs(datetime.now(UTC) - time) < timedelta(minutes=1) for time in kept)


def test_what_is_created_is_what_is_read(gallery: LocalGallery) -> None:
    new = NewPerson("o'brien; --", "Ada \0 王", "ext/1", {"a": {"b": ["\U0001f600", 2**70]}})
    created = gallery.create_person("default", new)
    assert gallery.person("default", "o'brien; --") == created
    assert NewPerson(created.id, created.name, created.external_id, created.metadata) == new
    faces = gallery.enroll("default", created.id, [face(direction(1)), face(direction(2))])
    faceless = replace(face(direction(3)), norm=np.float32(9.5), detection_score=None)
    faces += gallery.enroll("default", created.id, [faceless])
    assert gallery.faces("default", created.id, None, 10).items == faces
    assert faces[2].detection_score is None


def test_ids_are_generated_where_none_is_given(gallery: LocalGallery) -> None:
    ids = {gallery.create_person("default", NewPerson()).id for _ in range(5)}
    assert len(ids) == 5
    assert all(each.isalnum() for each in ids)


def test_taken_ids_are_refused_and_change_nothing(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    with pytest.raises(PersonExists, match="ada"):
        gallery.create_person("default", NewPerson(id="ada", name="Other"))
    with pytest.raises(CollectionExists, match="default"):
        gallery.create_collection("default", "Other", {})
    assert gallery.person("default", "ada").name == "Name of ada"
    assert gallery.collection("default").name is None


def test_the_same_person_can_be_in_two_collections(gallery: LocalGallery) -> None:
    gallery.create_collection("staff", None, {})
    enrolled(gallery, "ada", 1)
    enrolled(gallery, "ada", 2, "staff")
    gallery.delete_person("default", "ada")
    assert found(gallery, direction(2), collection="staff") == ["ada"]
    assert found(gallery, direction(2)) == []


def test_an_unknown_collection_is_named(gallery: LocalGallery) -> None:
    probe = direction(1)[np.newaxis]
    for call in (
        lambda: gallery.collection("gone"),
        lambda: gallery.delete_collection("gone"),
        lambda: gallery.create_person("gone", NewPerson()),
        lambda: gallery.persons("gone", None, 1),
        lambda: gallery.search("gone", probe, 1),
        lambda: gallery.size("gone"),
        lambda: gallery.enroll("gone", "ada", []),
    ):
        with pytest.raises(CollectionNotFound, match="gone"):
            call()


def test_an_unknown_person_is_named(gallery: LocalGallery) -> None:
    for call in (
        lambda: gallery.person("default", "gone"),
        lambda: gallery.delete_person("default", "gone"),
        lambda: gallery.faces("default", "gone", None, 1),
        lambda: gallery.enroll("default", "gone", [face(direction(1))]),
        lambda: gallery.delete_face("default", "gone", "face"),
    ):
        with pytest.raises(PersonNotFound, match="gone"):
            call()


def test_a_face_of_somebody_else_is_not_found(gallery: LocalGallery) -> None:
    only = enrolled(gallery, "ada", 1)
    enrolled(gallery, "eve", 2)
    with pytest.raises(FaceNotFound, match="eve"):
        gallery.delete_face("default", "eve", only)
    assert gallery.person("default", "ada").face_count == 1


def test_metadata_that_is_not_json_is_refused(gallery: LocalGallery) -> None:
    with pytest.raises(InvalidRequest, match="metadata"):
        gallery.create_person("default", NewPerson(id="ada", metadata={"x": float("nan")}))
    with pytest.raises(PersonNotFound):
        gallery.person("default", "ada")


def test_pages_show_everyone_once_in_the_order_of_creation(gallery: LocalGallery) -> None:
    ids = [f"p{i}" for i in (3, 1, 4, 0, 5, 9, 2)]
    for each in ids:
        gallery.create_person("default", NewPerson(id=each))
    seen, after = [], None
    while True:
        page = gallery.persons("default", after, 3)
        seen += [person.id for person in page.items]
        if (after := page.next) is None:
            break
    assert seen == ids


def test_a_listing_goes_on_behind_a_person_deleted_meanwhile(gallery: LocalGallery) -> None:
    for each in "abcd":
        gallery.create_person("default", NewPerson(id=each))
    after = gallery.persons("default", None, 2).next
    gallery.delete_person("default", "b")
    assert [person.id for person in gallery.persons("default", after, 9).items] == ["c", "d"]


def test_a_full_last_page_has_no_next(gallery: LocalGallery) -> None:
    only = enrolled(gallery, "ada", 1)
    page = gallery.faces("default", "ada", None, 1)
    assert [each.id for each in page.items] == [only]
    assert page.next is None


@pytest.mark.parametrize(
    "after", ["", "x", "é", "cGVyc29uczox", "cGVyc29uczoxOi0x", "A" * 5000, "=="]
)
def test_a_made_up_cursor_is_refused(gallery: LocalGallery, after: str) -> None:
    with pytest.raises(InvalidRequest, match="after"):
        gallery.persons("default", after, 5)


def test_a_changed_cursor_and_one_of_another_gallery_are_refused(
    gallery: LocalGallery, tmp_path: Path
) -> None:
    for each in "ab":
        gallery.create_person("default", NewPerson(id=each))
    after = gallery.persons("default", None, 1).next
    assert after is not None
    assert [each.id for each in gallery.persons("default", after, 1).items] == ["b"]
    for position, letter in enumerate(after):
        changed = after[:position] + ("A" if letter != "A" else "B") + after[position + 1 :]
        with pytest.raises(InvalidRequest, match="after"):
            gallery.persons("default", changed, 1)
    other = opened(tmp_path / "other")
    with pytest.raises(InvalidRequest, match="after"):
        other.persons("default", after, 1)
    other.close()


def test_a_cursor_of_another_listing_is_refused(gallery: LocalGallery) -> None:
    gallery.create_collection("staff", None, {})
    for each in "ab":
        gallery.create_person("default", NewPerson(id=each))
    after = gallery.persons("default", None, 1).next
    for call in (
        lambda: gallery.persons("staff", after, 1),
        lambda: gallery.collections(after, 1),
        lambda: gallery.faces("default", "a", after, 1),
    ):
        with pytest.raises(InvalidRequest):
            call()
