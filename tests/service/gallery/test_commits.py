"""Changes that arrive together share a commit, and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.errors import PersonExists, PersonNotFound, StorageFull
from service.gallery.local import LocalGallery
from service.gallery.protocol import NewPerson
from service.gallery.records import Records

from .faces import direction, enrolled, face, found, opened


@contextmanager
def together(gallery: LocalGallery) -> Iterator[Callable[..., Future[Any]]]:
    """Whatever is submitted in the block waits until all of it has queued; one comes first."""
    with ThreadPoolExecutor(16) as pool, gallery._store.database.exclusive:
        submitted: list[Future[Any]] = []

        def submit(call: Callable[..., Any], *arguments: object) -> Future[Any]:
            submitted.append(pool.submit(call, *arguments))
            while len(gallery._store.commit._queued) < len(submitted):
                pass
            return submitted[-1]

        yield submit


def test_changes_that_wait_share_a_commit(gallery: LocalGallery, tmp_path: Path) -> None:
    before = gallery._store.database.revision()
    with together(gallery) as submit:
        made = [submit(enrolled_in_one, gallery, seed) for seed in range(12)]
    ids = [each.result(timeout=30) for each in made]
    assert gallery._store.database.revision() == before + 1
    assert gallery.size("default") == 12
    for seed, person in enumerate(ids):
        assert found(gallery, direction(seed), 1) == [person]
    gallery.close()
    again = opened(tmp_path)
    assert again.size("default") == 12
    again.close()


def enrolled_in_one(gallery: LocalGallery, seed: int) -> str:
    """Creates and enrolls in one change, as no call of the protocol does."""

    def change(records: Records) -> str:
        place = records.collections.place("default")
        owner = records.persons.owner(place, records.persons.add(place, NewPerson(id=f"p{seed}")))
        records.collections.belong(place)
        records.faces.add(owner, face(direction(seed)))
        return owner.id

    return gallery._store.commit(change)


def test_a_refused_change_does_not_touch_its_neighbors(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)

    def refused_late(records: Records) -> None:
        records.persons.remove(records.persons.owner(records.collections.place("default"), "ada"))
        raise PersonNotFound("after it had deleted somebody")

    with together(gallery) as submit:
        good = [submit(gallery.create_person, "default", NewPerson(id=f"p{n}")) for n in range(4)]
        bad = [
            submit(gallery.create_person, "default", NewPerson(id="ada")),
            submit(gallery._store.commit, refused_late),
        ]
        good.append(submit(gallery.create_person, "default", NewPerson(id="last")))
    assert [each.result(timeout=30).id for each in good] == ["p0", "p1", "p2", "p3", "last"]
    assert isinstance(bad[0].exception(timeout=30), PersonExists)
    assert isinstance(bad[1].exception(timeout=30), PersonNotFound)
    assert found(gallery, direction(1)) == ["ada"]
    assert gallery.collection("default").person_count == 6


@pytest.mark.parametrize("failure", [ZeroDivisionError, sqlite3.OperationalError])
def test_a_change_that_fails_undoes_only_itself(
    gallery: LocalGallery, failure: type[Exception]
) -> None:
    def fails(records: Records) -> None:
        records.persons.add(records.collections.place("default"), NewPerson(id="half"))
        raise failure

    with together(gallery) as submit:
        good = [submit(gallery.create_person, "default", NewPerson(id=f"p{n}")) for n in range(3)]
        bad = submit(gallery._store.commit, fails)
        good.append(submit(gallery.create_person, "default", NewPerson(id="last")))
    assert [each.result(timeout=30).id for each in good] == ["p0", "p1", "p2", "last"]
    assert isinstance(bad.exception(timeout=30), failure)
    listed = [each.id for each in gallery.persons("default", None, 9).items]
    assert sorted(listed) == ["last", "p0", "p1", "p2"]


def test_a_change_too_large_for_the_disk_leaves_room_for_small_ones(gallery: LocalGallery) -> None:
    gallery.create_person("default", NewPerson(id="ada"))
    pages = gallery._store.database._writer.execute("PRAGMA page_count").fetchone()[0]
    gallery._store.database._writer.execute(f"PRAGMA max_page_count = {pages + 4}")
    many = [face(direction(seed)) for seed in range(999)]
    with together(gallery) as submit:
        small = [submit(gallery.enroll, "default", "ada", many[:1]) for _ in range(2)]
        large = submit(gallery.enroll, "default", "ada", many)
        small.append(submit(gallery.enroll, "default", "ada", many[1:2]))
    assert isinstance(large.exception(timeout=30), StorageFull)
    assert all(len(each.result(timeout=30)) == 1 for each in small)
    assert gallery.person("default", "ada").face_count == 3


def test_where_all_are_refused_nothing_is_written(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    before = gallery._store.database.revision()
    with together(gallery) as submit:
        calls = [submit(gallery.create_person, "default", NewPerson(id="ada")) for _ in range(3)]
    assert all(isinstance(each.exception(timeout=30), PersonExists) for each in calls)
    assert gallery._store.database.revision() == before


def test_a_deletion_and_its_neighbors_are_seen_by_the_next_search(gallery: LocalGallery) -> None:
    for seed, person in enumerate(("ada", "eve", "joe")):
        enrolled(gallery, person, seed)
    with together(gallery) as submit:
        calls = [
            submit(gallery.delete_person, "default", "ada"),
            submit(gallery.enroll, "default", "eve", [face(direction(7))]),
            submit(gallery.create_person, "default", NewPerson(id="ada")),
            submit(gallery.enroll, "default", "ada", [face(direction(9))]),
        ]
    for call in calls:
        call.result(timeout=30)
    assert found(gallery, direction(9), 1) == ["ada"]
    assert gallery.size("default") == 3
