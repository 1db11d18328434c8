"""Persons and collections are changed, merged and found again by what is known of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.errors import (
    FaceNotFound,
    InvalidRequest,
    PersonExists,
    PersonNotFound,
    PreconditionFailed,
)
from service.gallery import CollectionSettings, NewPerson, PersonFilter, etag
from service.gallery.local import LocalGallery

from .faces import direction, enrolled, face, found

SOON = datetime(2100, 1, 1, tzinfo=UTC)


def test_a_change_changes_what_it_names_and_nothing_else(gallery: LocalGallery) -> None:
    new = NewPerson(
        "ada", "Ada", "4711", {"team": {"name": "a", "floor": 1}, "gone": 1}, "consent/7", SOON
    )
    before = gallery.create_person("default", new)
    patch = {"name": "Ada L.", "metadata": {"team": {"floor": 2}, "gone": None}}
    after = gallery.change_person("default", "ada", patch)
    assert after.name == "Ada L."
    assert after.metadata == {"team": {"name": "a", "floor": 2}}
    assert (after.external_id, after.consent_reference, after.expires_at) == (
        "4711",
        "consent/7",
        SOON,
    )
    assert after.created_at == before.created_at
    assert gallery.person("default", "ada") == after
    assert gallery.change_person("default", "ada", {"expires_at": None}).expires_at is None


def test_of_two_changes_to_the_same_version_one_is_refused(gallery: LocalGallery) -> None:
    tag = etag(gallery.create_person("default", NewPerson("ada")))
    first = gallery.change_person("default", "ada", {"name": "first"}, frozenset({tag}))
    with pytest.raises(PreconditionFailed, match="ada"):
        gallery.change_person("default", "ada", {"name": "second"}, frozenset({tag}))
    assert gallery.person("default", "ada") == first
    gallery.enroll("default", "ada", [face(direction(1))])
    gallery.change_person("default", "ada", {"name": "third"}, frozenset({etag(first), "other"}))
    tag = etag(gallery.collection("default"))
    gallery.change_collection("default", {"name": "first"}, frozenset({tag}))
    with pytest.raises(PreconditionFailed, match="default"):
        gallery.change_collection("default", {"name": "second"}, frozenset({tag}))


def test_a_person_gets_another_id_and_is_who_they_were(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    gallery.create_person("default", NewPerson("eve"))
    with pytest.raises(PersonExists, match="eve"):
        gallery.change_person("default", "ada", {"id": "eve"})
    assert gallery.change_person("default", "ada", {"id": "ada-2"}).name == "Name of ada"
    assert found(gallery, direction(1)) == ["ada-2"]
    with pytest.raises(PersonNotFound):
        gallery.person("default", "ada")
    gallery.create_person("default", NewPerson("ada"))


def test_settings_are_merged_and_may_not_contradict_each_other(gallery: LocalGallery) -> None:
    gallery.create_collection("staff", None, {}, {"fpir": 0.1, "retention_days": 30})
    gallery.change_collection("staff", {"settings": {"min_quality": 40.0, "retention_days": None}})
    assert gallery.settings("staff") == CollectionSettings(fpir=0.1, min_quality=40.0)
    assert gallery.collection("staff").settings == gallery.settings("staff")
    with pytest.raises(InvalidRequest, match="threshold"):
        gallery.change_collection("staff", {"settings": {"threshold": 0.3}})
    assert gallery.settings("staff") == CollectionSettings(fpir=0.1, min_quality=40.0)
    changed = gallery.change_collection("staff", {"settings": None, "name": "Staff"})
    assert (changed.settings, changed.name) == (CollectionSettings(), "Staff")


def test_merged_persons_are_one_with_the_faces_of_both(gallery: LocalGallery) -> None:
    ids = {enrolled(gallery, "ada", 1), enrolled(gallery, "eve", 2)}
    merged = gallery.merge_persons("default", "eve", "ada")
    assert (merged.id, merged.name, merged.face_count) == ("ada", "Name of ada", 2)
    assert {each.id for each in gallery.faces("default", "ada", None, 9).items} == ids
    both = direction(1) + direction(2)
    both /= (both @ both) ** 0.5
    [[candidate]] = gallery.search("default", both[None], 9)
    assert candidate.person == merged
    assert candidate.similarity == pytest.approx(1)
    with pytest.raises(PersonNotFound):
        gallery.person("default", "eve")
    with pytest.raises(InvalidRequest, match="itself"):
        gallery.merge_persons("default", "ada", "ada")


def test_a_moved_face_is_found_as_its_new_owner(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    [wrong] = gallery.enroll("default", "ada", [face(direction(2))])
    gallery.create_person("default", NewPerson("eve"))
    assert gallery.move_face("default", "ada", wrong.id, "eve").face_count == 1
    assert gallery.faces("default", "eve", None, 9).items == [wrong]
    for seed, person in ((1, "ada"), (2, "eve")):
        [[best, *_]] = gallery.search("default", direction(seed)[None], 2)
        assert (best.person.id, best.similarity) == (person, pytest.approx(1))
    with pytest.raises(FaceNotFound):
        gallery.move_face("default", "ada", wrong.id, "eve")
    gallery.delete_person("default", "eve")
    assert found(gallery, direction(2)) == ["ada"]


def test_persons_are_found_by_name_external_id_and_metadata(gallery: LocalGallery) -> None:
    people = [
        NewPerson("a", "Ada Lovelace", "1", {"team": "x", "tags": ["new", "vip"]}),
        NewPerson("b", "Straße", "2", {"team": "x", "level": 1}),
        NewPerson("c", None, "1", {"team": "y", "level": True}),
    ]
    for person in people:
        gallery.create_person("default", person)

    def ids(**asked: object) -> str:
        return "".join(
            each.id
            for each in gallery.persons("default", None, 9, PersonFilter(**asked)).items  # type: ignore[arg-type]
        )

    assert ids() == "abc"
    assert ids(name="LOVE") == "a"
    assert ids(name="strasse") == "b"
    assert ids(external_id="1") == "ac"
    assert ids(external_id="3") == ""
    assert ids(metadata={"team": "x"}) == "ab"
    assert ids(metadata={"tags": ["vip"]}) == "a"
    assert ids(metadata={"level": 1}) == "b"
    assert ids(name="a", metadata={"team": "x"}, external_id="1") == "a"
    gallery.change_person("default", "a", {"external_id": "3"})
    assert ids(external_id="3") == "a"
    assert ids(external_id="1") == "c"


def test_a_filtered_listing_pages_through_everyone_who_fits(gallery: LocalGallery) -> None:
    for n in range(30):
        gallery.create_person("default", NewPerson(f"{n:02}", metadata={"even": n % 2 == 0}))
    where, after, seen = PersonFilter(metadata={"even": True}), None, []
    while page := gallery.persons("default", after, 4, where):
        seen += [each.id for each in page.items]
        if (after := page.next) is None:
            break
        assert len(page.items) == 4
    assert seen == [f"{n:02}" for n in range(0, 30, 2)]


def test_a_filtered_search_finds_who_fits_however_many_others_are_nearer(
    gallery: LocalGallery,
) -> None:
    probe = direction(0)
    for n in range(60):
        near = probe + 0.001 * n * direction(n + 1)
        person = NewPerson(f"{n:02}", metadata={"wanted": n >= 50})
        gallery.create_person("default", person)
        gallery.enroll("default", person.id or "", [face(near / (near @ near) ** 0.5)])
    where = PersonFilter(metadata={"wanted": True})
    [all_of_them] = gallery.search("default", probe[None], 60)
    expected = [each for each in all_of_them if each.person.id >= "50"]
    [near] = gallery.search("default", probe[None], 3, where)
    assert near == expected[:3]
    [above] = gallery.search("default", probe[None], 9, where, expected[4].similarity)
    assert above[:5] == expected[:5]
    assert gallery.search("default", probe[None], 9, PersonFilter(metadata={"wanted": 1})) == [[]]
