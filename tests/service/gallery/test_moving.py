"""What exports and imports promise: everybody comes back, all of a part or none, nothing twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from service.errors import (
    BundleMismatch,
    CollectionNotFound,
    ImportConflict,
    InvalidEmbedding,
    InvalidRequest,
    UnusablePart,
)
from service.gallery import Enrolled, Imported, NewPerson, Part
from service.gallery.local import LocalGallery
from service.transfer import parts
from tests.service.transfer.people import part

from .faces import BUNDLE, DIMENSION, direction, enrolled, face, found, opened

COUNT = 30


def written(given: Part) -> bytes:
    """A part as its file, whatever asks for the next one."""
    return parts.written(replace(given, next=None))


def exported(gallery: LocalGallery, collection: str, limit: int = 7) -> list[Part]:
    found = [gallery.export_part(collection, None, limit)]
    while found[-1].next is not None:
        found.append(gallery.export_part(collection, found[-1].next, limit))
    return found


def answers(gallery: LocalGallery, collection: str) -> list[object]:
    """Everything that a caller can learn about a collection."""
    persons = gallery.persons(collection, None, 999).items
    probes = np.stack([direction(seed) for seed in range(20)])
    return [
        gallery.collection(collection),
        persons,
        [gallery.faces(collection, each.id, None, 99).items for each in persons],
        gallery.search(collection, probes, 5),
    ]


def test_a_wiped_collection_answers_as_before(gallery: LocalGallery) -> None:
    gallery.import_part("c", part(COUNT, BUNDLE, DIMENSION))
    before, kept = answers(gallery, "c"), exported(gallery, "c")
    assert [len(each.enrolled) for each in kept] == [7, 7, 7, 7, 2]
    gallery.delete_collection("c")
    for each in kept:
        gallery.import_part("c", parts.read(written(each), 10**7))
    assert answers(gallery, "c") == before
    assert list(map(written, exported(gallery, "c"))) == list(map(written, kept))


def test_default_comes_back_with_its_words_and_time(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "a")) as source:
        source.change_collection("default", {"name": "Door", "settings": {"threshold": 0.5}})
        enrolled(source, "ada", 1)
        before, [kept] = answers(source, "default"), exported(source, "default")
    with closing(opened(tmp_path / "b")) as target:
        target.import_part("default", kept)
        assert answers(target, "default") == before
        target.change_collection("default", {"name": "Gate"})
        target.import_part("default", kept)
        assert target.collection("default").name == "Gate"


def test_crops_move_between_collections_that_keep_them(gallery: LocalGallery) -> None:
    given = part(4, BUNDLE, DIMENSION)
    gallery.create_collection("keeping", None, {}, {"keep_crops": True})
    for name in ("keeping", "c"):
        gallery.import_part(name, given)
    crops = {
        name: [
            face.crop for each in gallery.export_part(name, None, 9).enrolled for face in each.faces
        ]
        for name in ("keeping", "c")
    }
    assert crops["keeping"] == [b"crop 1", None, None, b"crop 3", None, None]
    assert crops["c"] == [None] * 6


def test_a_part_that_comes_again_changes_nothing(gallery: LocalGallery) -> None:
    given = part(COUNT, BUNDLE, DIMENSION)
    assert gallery.import_part("c", given) == Imported(created=COUNT)
    revision, before = gallery._store.database.revision(), answers(gallery, "c")
    assert gallery.import_part("c", given) == Imported(unchanged=COUNT)
    assert answers(gallery, "c") == before
    assert gallery._store.database.revision() == revision + 1


def test_two_imports_at_once_make_everybody_once(gallery: LocalGallery) -> None:
    given = part(COUNT, BUNDLE, DIMENSION)
    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(lambda _: gallery.import_part("c", given), range(2)))
    assert sorted(each.created for each in told) == [0, COUNT]
    assert sorted(each.unchanged for each in told) == [0, COUNT]
    assert gallery.collection("c").face_count == sum(len(each.faces) for each in given.enrolled)


def test_a_conflict_refuses_the_whole_part_or_is_skipped_or_replaced(gallery: LocalGallery) -> None:
    given = part(9, BUNDLE, DIMENSION)
    gallery.import_part("c", replace(given, enrolled=given.enrolled[:4]))
    gallery.change_person("c", "p1", {"name": "Somebody"})
    gallery.enroll("c", "p2", [face(direction(99))])
    with pytest.raises(ImportConflict, match="p1, p2") as refused:
        gallery.import_part("c", given)
    assert refused.value.extra == {"conflicts": ["p1", "p2"]}
    assert gallery.collection("c").person_count == 4
    told = gallery.import_part("c", given, "skip")
    assert told == Imported(created=5, unchanged=2, conflicts=("p1", "p2"))
    assert gallery.person("c", "p1").name == "Somebody"
    assert gallery.person("c", "p2").face_count == 3
    told = gallery.import_part("c", given, "replace")
    assert told == Imported(unchanged=7, replaced=2)
    assert gallery.import_part("c", given) == Imported(unchanged=9)
    assert len(found(gallery, direction(99), 9, "c")) == gallery.size("c")


def test_the_faces_of_a_merged_person_are_not_taken_from_who_has_them(
    gallery: LocalGallery,
) -> None:
    given = part(4, BUNDLE, DIMENSION)
    gallery.import_part("c", given)
    gallery.merge_persons("c", "p3", "p0")
    only = replace(given, enrolled=given.enrolled[3:])
    assert gallery.import_part("c", only, "replace") == Imported(conflicts=("p3",))
    assert gallery.person("c", "p0").face_count == 3
    assert gallery.import_part("c", given, "replace") == Imported(
        created=1, unchanged=2, replaced=1
    )
    assert written(gallery.export_part("c", None, 1)) != b""
    assert gallery.import_part("c", given) == Imported(unchanged=4)


def test_a_copy_beside_the_original_has_faces_with_other_ids_always_the_same(
    gallery: LocalGallery,
) -> None:
    given = part(9, BUNDLE, DIMENSION)
    gallery.import_part("c", given)
    gallery.import_part("copy", given)
    ids = [each.id for each in gallery.faces("copy", "p3", None, 9).items]
    assert len(ids) == 3
    assert not {each.id for each in gallery.faces("c", "p3", None, 9).items} & set(ids)
    gallery.delete_collection("c")
    assert gallery.import_part("copy", given) == Imported(unchanged=9)
    assert found(gallery, direction(3), 3, "copy")


def test_nothing_of_a_part_with_something_wrong_is_kept(gallery: LocalGallery) -> None:
    given = part(4, BUNDLE, DIMENSION)
    [*good, last] = given.enrolled
    crooked = replace(last.faces[0], embedding=last.faces[0].embedding * 2)
    for wrong, error in (
        (replace(given, enrolled=[*good, replace(last, faces=[crooked])]), InvalidEmbedding),
        (replace(given, enrolled=[*good, last, last]), UnusablePart),
        (
            replace(given, enrolled=[*good, last, Enrolled(NewPerson(id="x"), last.faces)]),
            UnusablePart,
        ),
        (part(4, "other@1", DIMENSION), BundleMismatch),
        (part(4, BUNDLE, 8), InvalidEmbedding),
    ):
        with pytest.raises(error):
            gallery.import_part("c", wrong)
        with pytest.raises(CollectionNotFound):
            gallery.collection("c")


def test_text_that_no_answer_could_hold_is_refused(gallery: LocalGallery) -> None:
    with pytest.raises(InvalidRequest, match="surrogates"):
        gallery.create_person("default", NewPerson(metadata={"half": "\ud800"}))


def test_cursors_belong_to_their_collection(gallery: LocalGallery) -> None:
    gallery.import_part("c", part(9, BUNDLE, DIMENSION))
    cursor = gallery.export_part("c", None, 2).next
    gallery.delete_collection("c")
    gallery.import_part("c", part(9, BUNDLE, DIMENSION))
    with pytest.raises(InvalidRequest):
        gallery.export_part("c", cursor, 2)
    with pytest.raises(InvalidRequest):
        gallery.export_part("c", gallery.persons("c", None, 2).next, 2)


def test_who_is_damaged_is_left_out_and_named(gallery: LocalGallery) -> None:
    given = part(6, BUNDLE, DIMENSION)
    gallery.import_part("c", given)
    with gallery._store.database.writing() as connection:
        connection.execute("UPDATE faces SET created_at = '2020' WHERE id = 'c-3-1'")
    kept = gallery.export_part("c", None, 99)
    assert kept.damaged == ["p3"]
    assert [each.person.id for each in kept.enrolled] == ["p0", "p1", "p2", "p4", "p5"]
    assert gallery.import_part("c", given, "replace") == Imported(unchanged=5, replaced=1)
    assert gallery.export_part("c", None, 99).damaged == []


def test_a_part_ends_where_it_is_large_enough(gallery: LocalGallery) -> None:
    large = {"notes": "x" * 1_500_000}
    for n in range(5):
        gallery.create_person("default", NewPerson(id=f"p{n}", metadata=large))
    assert [len(each.enrolled) for each in exported(gallery, "default", 999)] == [3, 2]


def test_who_expired_is_not_exported(tmp_path: Path) -> None:
    given = part(4, BUNDLE, DIMENSION)
    [first, *rest] = given.enrolled
    start = given.collection.created_at
    soon = replace(first, person=replace(first.person, expires_at=start + timedelta(seconds=1)))
    with closing(opened(tmp_path)) as gallery:
        gallery.import_part("c", replace(given, enrolled=[soon, *rest]))
        ids = [each.person.id for each in gallery.export_part("c", None, 9).enrolled]
        assert ids == ["p1", "p2", "p3"]
