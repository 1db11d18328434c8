from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from service.gallery.local import LocalGallery
from service.gallery.protocol import NewPerson

from .faces import direction, enrolled, face, found

EACH = 25


def test_what_a_thread_was_told_every_thread_can_find(gallery: LocalGallery) -> None:
    def enroll(first: int) -> None:
        for seed in range(first, first + EACH):
            enrolled(gallery, str(seed), seed)
            assert found(gallery, direction(seed), 1) == [str(seed)]

    def come_and_go(name: str) -> None:
        for _ in range(EACH):
            enrolled(gallery, name, 9999)
            gallery.delete_person("default", name)
            assert name not in found(gallery, direction(9999), 1000)

    def look(_: int) -> None:
        for seed in range(2 * EACH):
            [candidates] = gallery.search("default", direction(seed)[np.newaxis], 1000)
            cosines = [candidate.similarity for candidate in candidates]
            assert cosines == sorted(cosines, reverse=True)
            assert len({candidate.person.id for candidate in candidates}) == len(candidates)

    with ThreadPoolExecutor(6) as pool:
        enrolling = list(pool.map(enroll, [1000, 2000], timeout=60))
        tasks = [pool.submit(enroll, first) for first in (3000, 4000)]
        tasks += [pool.submit(come_and_go, name) for name in ("x", "y")]
        tasks += [pool.submit(look, i) for i in range(2)]
        for task in tasks:
            task.result(timeout=60)
    assert len(enrolling) == 2
    assert gallery.size("default") == gallery.collection("default").person_count == 4 * EACH


def test_of_many_who_create_the_same_person_one_succeeds(gallery: LocalGallery) -> None:
    from service.errors import PersonExists

    def create(_: int) -> bool:
        try:
            gallery.create_person("default", NewPerson(id="ada"))
        except PersonExists:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(create, range(12))) == 1


def test_faces_from_many_threads_make_one_template(gallery: LocalGallery) -> None:
    gallery.create_person("default", NewPerson(id="ada"))
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(gallery.enroll, "default", "ada", [face(direction(seed))])
            for seed in range(16)
        ]
        ids = {call.result()[0].id for call in calls}
    total = np.sum([direction(seed) for seed in range(16)], axis=0)
    total = (total / np.linalg.norm(total)).astype(np.float32)
    [[best]] = gallery.search("default", total[np.newaxis], 1)
    assert len(ids) == gallery.person("default", "ada").face_count == 16
    assert best.similarity == pytest.approx(1.0, abs=1e-5)
