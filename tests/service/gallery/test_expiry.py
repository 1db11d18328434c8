"""Whose time is over is not found, and is deleted as by a request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.gallery import NewPerson
from service.gallery.local import LocalGallery

from .clock import NOON, Clock
from .faces import BUNDLE, DIMENSION, direction, enrolled, face, found


@pytest.fixture
def gallery(tmp_path: Path, clock: Clock) -> Iterator[LocalGallery]:
    opened = LocalGallery.open(tmp_path, bundle=BUNDLE, dimension=DIMENSION, clock=clock)
    yield opened
    opened.close()


def until(gallery: LocalGallery, person: str, seed: int, end: datetime | None) -> None:
    gallery.create_person("default", NewPerson(person, f"Name of {person}", expires_at=end))
    gallery.enroll("default", person, [face(direction(seed))])


def test_from_the_second_a_person_expires_they_are_not_found(
    gallery: LocalGallery, clock: Clock
) -> None:
    until(gallery, "ada", 1, NOON + timedelta(hours=1))
    until(gallery, "eve", 2, None)
    assert found(gallery, direction(1)) == ["ada", "eve"]
    clock.now += timedelta(hours=1)
    assert found(gallery, direction(1)) == ["eve"]
    assert gallery.sweep() == 1
    assert [each.id for each in gallery.persons("default", None, 9).items] == ["eve"]
    assert gallery.size("default") == 1
    assert gallery.sweep() == 0


def test_retention_counts_from_when_a_person_was_created(
    gallery: LocalGallery, clock: Clock
) -> None:
    gallery.create_collection("visitors", None, {}, {"retention_days": 2})
    for n in range(3):
        enrolled(gallery, f"v{n}", n, "visitors")
        enrolled(gallery, f"p{n}", n)
        clock.now += timedelta(days=1)
    assert sorted(found(gallery, direction(0), collection="visitors")) == ["v2"]
    assert gallery.sweep() == 2
    assert gallery.size("default") == 3
    gallery.change_collection("visitors", {"settings": {"retention_days": None}})
    clock.now += timedelta(days=99)
    assert gallery.sweep() == 0
    assert found(gallery, direction(2), collection="visitors") == ["v2"]


def test_hundreds_expire_at_once(gallery: LocalGallery, clock: Clock) -> None:
    for n in range(250):
        gallery.create_person("default", NewPerson(str(n), expires_at=NOON + timedelta(seconds=1)))
    clock.now += timedelta(days=1)
    assert gallery.sweep() == 250
    assert gallery.collection("default").person_count == 0


def test_a_flipped_bit_in_the_time_deletes_nobody(gallery: LocalGallery, clock: Clock) -> None:
    until(gallery, "ada", 1, NOON + timedelta(days=365))
    until(gallery, "eve", 2, NOON)
    with gallery._store.database.writing() as connection:
        earlier = (
            "UPDATE persons SET expires_at = '2030-06-01T11:00:00.000000+00:00' WHERE id = 'ada'"
        )
        connection.execute(earlier)
    assert gallery.sweep() == 1  # eve, who stands behind
    assert gallery.collection("default").person_count == 1
    assert found(gallery, direction(1)) == []
