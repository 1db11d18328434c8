"""Vectors are read as they were enrolled, of whom is asked for, and by the model they are of."""

from __future__ import annotations

import numpy as np
import pytest

from service.errors import BundleMismatch, PersonNotFound
from service.gallery import NewPerson
from service.gallery.local import LocalGallery

from .faces import BUNDLE, direction, enrolled, face


def test_the_faces_of_a_person_come_with_norm_and_quality(gallery: LocalGallery) -> None:
    first = enrolled(gallery, "ada", 1)
    [second] = gallery.enroll("default", "ada", [face(direction(2), norm=30.0)])
    found = gallery.samples.of("default", "ada", BUNDLE)
    assert found.faces == (first, second.id)
    assert np.array_equal(found.vectors, np.stack([direction(1), direction(2)]))
    assert found.norms.tolist() == [20.0, 30.0]
    assert found.qualities == (70.0, 70.0)


def test_who_has_no_faces_has_no_vectors_and_who_is_gone_is_not_found(
    gallery: LocalGallery,
) -> None:
    gallery.create_person("default", NewPerson(id="bob"))
    assert len(gallery.samples.of("default", "bob", BUNDLE).vectors) == 0
    with pytest.raises(PersonNotFound):
        gallery.samples.of("default", "eve", BUNDLE)
    enrolled(gallery, "ada", 1)
    assert set(gallery.samples.of_each("default", ["ada", "eve", "bob"], BUNDLE)) == {"ada", "bob"}


def test_vectors_of_another_model_are_refused(gallery: LocalGallery) -> None:
    enrolled(gallery, "ada", 1)
    with pytest.raises(BundleMismatch):
        gallery.samples.of("default", "ada", "another@2")
    with pytest.raises(BundleMismatch):
        gallery.samples.of_each("default", ["ada"], "another@2")


def test_a_drawing_takes_whole_persons_up_to_a_number_of_faces_each(gallery: LocalGallery) -> None:
    for n in range(5):
        enrolled(gallery, f"p{n}", n)
        gallery.enroll("default", f"p{n}", [face(direction(100 * n + k)) for k in range(1, 4)])
    every = gallery.samples.drawn("default", faces=1000, each=3)
    assert [len(one.faces) for one in every] == [3] * 5
    owners = {face_ for one in every for face_ in one.faces}
    assert len(owners) == 15
    again = gallery.samples.drawn("default", faces=1000, each=3)
    assert [one.faces for one in again] == [one.faces for one in every]
