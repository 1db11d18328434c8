"""A gallery written by an older release is brought forward without losing a face."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from service.errors import DataDirectoryUnusable
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
            "INSERT INTO persons (collection, id, name, external_id, metadata, created_at) VALUES"
            " (1, 'ann', 'Ann Oldname', 'external-7', '{\"a\": [1, null]}',"
            " '2026-01-01T00:00:00+00:00');"
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


def files(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir())


PLAIN = (b"Ann Oldname", b"external-7", b'"a": [1', unit(0).astype("<f4").tobytes()[:12])


def test_what_was_stored_as_it_is_becomes_unreadable_without_the_key(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    first_version(directory)
    assert all(plain in files(directory) for plain in PLAIN)
    gallery = LocalGallery.open(directory, bundle="b", dimension=8)
    assert not any(plain in files(directory) for plain in PLAIN)
    ann = gallery.person("default", "ann")
    assert (ann.name, ann.external_id, ann.metadata) == (
        "Ann Oldname",
        "external-7",
        {"a": [1, None]},
    )
    assert gallery.collection("default").bundle == "b"
    gallery.close()


def test_a_wipe_that_was_interrupted_is_done_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "data"
    first_version(directory)

    def killed(_: sqlite3.Connection) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("service.gallery.sqlite.wipe", killed)
        with pytest.raises(DataDirectoryUnusable, match="killed"):
            LocalGallery.open(directory, bundle="b", dimension=8)
    for _ in range(2):
        gallery = LocalGallery.open(directory, bundle="b", dimension=8)
        assert not any(plain in files(directory) for plain in PLAIN)
        assert gallery.person("default", "ann").name == "Ann Oldname"
        gallery.close()


def test_keys_of_deleted_faces_are_not_given_again(tmp_path: Path) -> None:
    """An index row must not come to mean another person, whatever a step did to the tables."""
    directory = tmp_path / "data"
    first_version(directory)
    with closing(sqlite3.connect(directory / "gallery.db")) as connection:
        connection.execute("UPDATE sqlite_sequence SET seq = 41")
        connection.commit()
    gallery = LocalGallery.open(directory, bundle="b", dimension=8)
    gallery.create_person("default", NewPerson("eve"))
    gallery.enroll("default", "eve", [NewFace(unit(1), 3.0, None, None)])
    gallery.close()
    with closing(sqlite3.connect(directory / "gallery.db")) as connection:
        assert connection.execute("SELECT max(key) FROM persons").fetchone() == (42,)
        assert connection.execute("SELECT max(key) FROM faces").fetchone() == (42,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
