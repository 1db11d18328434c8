"""A gallery written by an older release is brought forward without losing a face."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from service.gallery import NewFace, NewPerson
from service.gallery.local import LocalGallery
from service.gallery.migrations import MIGRATIONS


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return vector / np.linalg.norm(vector)


def first_version(directory: Path) -> None:
    """A gallery of version 1 with one face."""
    directory.mkdir()
    with closing(sqlite3.connect(directory / "gallery.db")) as connection:
        connection.executescript(f"BEGIN; {MIGRATIONS[0]}; PRAGMA user_version = 1; COMMIT;")
        connection.executescript(
            "INSERT INTO collections (id, metadata, bundle, created_at)"
            " VALUES ('default', '{}', 'b', '2026-01-01T00:00:00+00:00');"
            "INSERT INTO persons (collection, id, metadata, created_at)"
            " VALUES (1, 'ann', '{}', '2026-01-01T00:00:00+00:00');"
        )
        connection.execute(
            "INSERT INTO faces (id, person, embedding, norm, quality, created_at)"
            " VALUES ('f', 1, ?, 12.5, 70.25, '2026-01-01T00:00:00+00:00')",
            (unit(0).astype("<f4").tobytes(),),
        )
        connection.commit()


def test_qualities_are_kept_and_may_be_unknown_from_then_on(tmp_path: Path) -> None:
    first_version(tmp_path / "data")
    for _ in range(2):  # the second opening finds nothing to migrate
        gallery = LocalGallery.open(tmp_path / "data", bundle="b", dimension=8)
        [old] = gallery.faces("default", "ann", None, 10).items
        assert (old.quality, old.norm) == (70.25, 12.5)
        [[found]] = gallery.search("default", unit(0)[np.newaxis], 1)
        assert found.person.id == "ann"
        gallery.close()
    gallery = LocalGallery.open(tmp_path / "data", bundle="b", dimension=8)
    gallery.create_person("default", NewPerson("eve"))
    [new] = gallery.enroll("default", "eve", [NewFace(unit(1), 3.0, None, None)])
    assert new.quality is None
    assert gallery.collection("default").face_count == 2
    gallery.close()
