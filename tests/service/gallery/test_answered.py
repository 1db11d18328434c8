"""What was answered under an idempotency key: kept for a day, sealed, and gone with whom it is about."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.errors import IdempotencyKeyReused, IdempotencyKeySpent, PersonExists
from service.gallery.local import LocalGallery
from service.gallery.protocol import NewPerson, Replayed

from .clock import Clock
from .faces import BUNDLE, DIMENSION, direction, enrolled, face, opened


@dataclass
class Request:
    """One that is told as the text of what was made."""

    key: str | None = "k"
    request: bytes = b"r" * 32
    told: str = ""

    def tell(self, made: Any) -> bytes:
        self.told = repr(made)
        return self.told.encode()


@pytest.fixture
def timed(tmp_path: Path, clock: Clock) -> Iterator[LocalGallery]:
    gallery = LocalGallery.open(tmp_path, bundle=BUNDLE, dimension=DIMENSION, clock=clock)
    yield gallery
    gallery.close()


def answers(gallery: LocalGallery) -> int:
    with gallery._store.reading() as records:
        return int(records.tables.all("SELECT count(*) FROM answers")[0][0])


def test_an_answer_is_that_of_the_change_itself(gallery: LocalGallery) -> None:
    once = Request()
    gallery.create_person("default", NewPerson(name="Ada"), once)
    gallery.create_person("default", NewPerson(name="Eve"))
    with pytest.raises(Replayed) as replayed:
        gallery.create_person("default", NewPerson(name="Ada"), Request())
    assert replayed.value.answer.decode() == once.told
    with pytest.raises(Replayed):
        gallery.recall(Request())
    assert gallery.collection("default").person_count == 2


def test_an_enrollment_tells_the_person_of_that_moment(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    once = Request()
    [added] = gallery.enroll("default", "ada", [face(direction(2))], once)
    assert once.told == repr((gallery.person("default", "ada"), [added]))


def test_after_a_day_a_key_is_new(timed: LocalGallery, clock: Clock) -> None:
    timed.create_person("default", NewPerson(id="ada"), Request())
    clock.now += timedelta(hours=23, minutes=59)
    assert timed.sweep() == 0
    with pytest.raises(Replayed):
        timed.create_person("default", NewPerson(id="ada"), Request())
    clock.now += timedelta(minutes=1)
    with pytest.raises(PersonExists):  # also before the sweep
        timed.create_person("default", NewPerson(id="ada"), Request())
    timed.create_person("default", NewPerson(id="eve"), Request())
    assert answers(timed) == 1
    clock.now += timedelta(hours=24)
    assert timed.sweep() == 0
    assert answers(timed) == 0


def test_many_answers_are_purged_without_a_word_for_people(
    timed: LocalGallery, clock: Clock
) -> None:
    for n in range(250):
        timed.create_person("default", NewPerson(), Request(key=str(n)))
    clock.now += timedelta(hours=24)
    assert timed.sweep() == 0
    assert answers(timed) == 0
    assert timed.collection("default").person_count == 250


def test_nothing_of_an_answer_is_readable_in_the_files(
    gallery: LocalGallery, tmp_path: Path
) -> None:
    gallery.create_person("default", NewPerson(name="Ada Lovelace"), Request(key="the-key"))
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"Lovelace" not in kept
    assert b"the-key" not in kept
    assert b"r" * 32 not in kept


def test_deleting_whom_it_is_about_destroys_an_answer(gallery: LocalGallery) -> None:
    gallery.create_collection("staff", None, {}, once=Request(key="collection"))
    gallery.create_person("staff", NewPerson(id="ada"), Request(key="person"))
    gallery.delete_collection("staff")
    for key in ("collection", "person"):
        for request in (b"r" * 32, b"x" * 32):
            with pytest.raises(IdempotencyKeySpent, match="nothing was done now"):
                gallery.create_collection("staff", None, {}, once=Request(key, request))


def test_moving_a_face_away_destroys_the_answer_it_was_in(gallery: LocalGallery) -> None:
    for name in ("ada", "eve"):
        gallery.create_person("default", NewPerson(id=name), Request(key=name))
    [moved] = gallery.enroll("default", "ada", [face(direction(1))], Request(key="enroll"))
    gallery.move_face("default", "ada", moved.id, "eve", Request(key="move"))
    for key, error in {
        "ada": IdempotencyKeySpent,
        "enroll": IdempotencyKeySpent,
        "eve": Replayed,
        "move": Replayed,
    }.items():
        with pytest.raises(error):
            gallery.recall(Request(key))


def test_a_flipped_bit_in_an_answer_has_no_second_effect(gallery: LocalGallery) -> None:
    gallery.create_person("default", NewPerson(), Request())
    for damage in ("sealed = zeroblob(90)", "created_at = '2999'", "secret = 1"):
        with gallery._store.database.writing() as connection:
            connection.execute(f"UPDATE answers SET {damage}")  # noqa: S608 - our own
        with pytest.raises(IdempotencyKeySpent):
            gallery.create_person("default", NewPerson(), Request())
    assert gallery.collection("default").person_count == 1


def test_a_refused_change_keeps_no_answer(gallery: LocalGallery) -> None:
    gallery.create_person("default", NewPerson(id="ada"))
    with pytest.raises(PersonExists):
        gallery.create_person("default", NewPerson(id="ada"), Request())
    gallery.create_person("default", NewPerson(id="eve"), Request())
    with pytest.raises(IdempotencyKeyReused):
        gallery.create_person("default", NewPerson(id="joe"), Request(request=b"o" * 32))


def test_of_many_at_once_one_is_made(tmp_path: Path) -> None:
    gallery = opened(tmp_path)

    def create(_: int) -> bytes:
        once = Request()
        try:
            gallery.create_person("default", NewPerson(), once)
        except Replayed as replayed:
            return replayed.answer
        return once.told.encode()

    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(create, range(40)))
    assert len(told) == 1
    assert gallery.collection("default").person_count == 1
    gallery.close()
