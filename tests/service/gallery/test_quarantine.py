"""One flipped bit concerns one person: never a wrong score, and everybody else is as before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.errors import TemplateCorrupt
from service.gallery.protocol import NewPerson

from .faces import direction, enrolled, face, found, opened

FLIPPED = [
    ("faces", "sealed"),
    ("faces", "id"),
    ("faces", "created_at"),
    ("persons", "sealed"),
    ("persons", "id"),
    ("persons", "created_at"),
    ("persons", "face_count"),
    ("secrets", "wrapped"),
]


def flip(directory: Path, table: str, column: str, key: int) -> None:
    """Flips the lowest bit of a value's middle byte, behind the back of SQLite's indexes."""
    with closing(sqlite3.connect(directory / "gallery.db")) as connection:
        where = f"WHERE key = {key}"
        [(value,)] = connection.execute(f"SELECT {column} FROM {table} {where}")  # noqa: S608 - ours
        if isinstance(value, int):
            change = f"SET {column} = {value ^ 1} {where}"
            connection.execute(f"UPDATE {table} {change}")
            connection.commit()
            return
    raw = value.encode() if isinstance(value, str) else value
    path = directory / "gallery.db"
    data = bytearray(path.read_bytes())
    at, page = -1, -1
    while page != 0x0D:  # a leaf of a table, not one of an index
        at = data.index(raw, at + 1)
        page = data[at // 4096 * 4096] if at >= 4096 else -1
    data[at + len(raw) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A closed gallery of ada, eve and joe, whose keys are 1 to 3 (secrets 2 to 4)."""
    gallery = opened(tmp_path)
    for seed, person in enumerate(("ada-of-3", "eve-of-3", "joe-of-3")):
        enrolled(gallery, person, seed)
    gallery.close()
    return tmp_path


@pytest.mark.parametrize(("table", "column"), FLIPPED)
def test_a_flipped_bit_quarantines_its_person_only(three: Path, table: str, column: str) -> None:
    flip(three, table, column, 3 if table == "secrets" else 2)
    gallery = opened(three)
    assert set(found(gallery, direction(1))) == {"ada-of-3", "joe-of-3"}
    for call in (
        lambda: gallery.person("default", "eve-of-3"),
        lambda: gallery.faces("default", "eve-of-3", None, 9),
        lambda: gallery.enroll("default", "eve-of-3", [face(direction(5))]),
    ):
        with pytest.raises(TemplateCorrupt, match="eve-of-3"):
            call()
    assert gallery.person("default", "ada-of-3").face_count == 1
    gallery.delete_person("default", "eve-of-3")
    enrolled(gallery, "eve-of-3", 1)
    assert found(gallery, direction(1), 1) == ["eve-of-3"]
    gallery.close()
    gallery = opened(three)
    assert gallery.size("default") == 3
    gallery.close()


def test_damage_that_comes_while_it_runs_gives_nobody_away(three: Path) -> None:
    gallery = opened(three)
    with closing(sqlite3.connect(three / "gallery.db")) as connection:
        connection.execute("UPDATE persons SET sealed = x'00' WHERE key = 2")
        connection.commit()
    assert set(found(gallery, direction(1))) == {"ada-of-3", "joe-of-3"}
    assert [each.id for each in gallery.persons("default", None, 9).items] == [
        "ada-of-3",
        "joe-of-3",
    ]
    gallery.close()


def test_rows_cannot_be_exchanged(three: Path) -> None:
    with closing(sqlite3.connect(three / "gallery.db")) as connection:
        rows = connection.execute("SELECT key, sealed FROM faces ORDER BY key").fetchall()
        for (key, _), (_, sealed) in zip(rows[:2], rows[1::-1], strict=True):
            connection.execute("UPDATE faces SET sealed = ? WHERE key = ?", (sealed, key))
        connection.commit()
    gallery = opened(three)
    assert found(gallery, direction(0)) == ["joe-of-3"]
    gallery.close()


def test_a_face_that_vanished_is_missed(three: Path) -> None:
    """A template of the faces left would give other scores than the ones enrolled for."""
    gallery = opened(three)
    gallery.enroll("default", "eve-of-3", [face(direction(7))])
    gallery.close()
    with closing(sqlite3.connect(three / "gallery.db")) as connection:
        connection.execute("DROP TRIGGER face_removed")
        connection.execute("DELETE FROM faces WHERE key = 4")
        connection.commit()
    gallery = opened(three)
    with pytest.raises(TemplateCorrupt):
        gallery.person("default", "eve-of-3")
    assert "eve-of-3" not in found(gallery, direction(1))
    gallery.close()


def test_deleting_the_damaged_face_heals_the_person(three: Path) -> None:
    gallery = opened(three)
    [first] = [each.id for each in gallery.faces("default", "eve-of-3", None, 9).items]
    gallery.enroll("default", "eve-of-3", [face(direction(7))])
    gallery.close()
    flip(three, "faces", "sealed", 2)
    gallery = opened(three)
    gallery.delete_face("default", "eve-of-3", first)
    assert gallery.person("default", "eve-of-3").face_count == 1
    assert found(gallery, direction(7), 1) == ["eve-of-3"]
    gallery.close()


@pytest.mark.parametrize("column", ["sealed", "id", "created_at", "bundle"])
def test_a_collection_with_a_damaged_label_still_answers(tmp_path: Path, column: str) -> None:
    gallery = opened(tmp_path)
    gallery.create_collection("collection-of-1", "The name", {})
    enrolled(gallery, "ada", 1, "collection-of-1")
    gallery.close()
    flip(tmp_path, "collections", column, 2)
    gallery = opened(tmp_path)
    assert found(gallery, direction(1), 1, "collection-of-1") == ["ada"]
    enrolled(gallery, "eve", 2, "collection-of-1")
    assert gallery.size("collection-of-1") == 2
    if column != "bundle":
        with pytest.raises(TemplateCorrupt, match="collection-of-1"):
            gallery.collection("collection-of-1")
    gallery.delete_collection("collection-of-1")
    gallery.create_collection("collection-of-1", None, {})
    gallery.close()


@pytest.mark.parametrize("row", [1, 2])
def test_one_flipped_bit_does_not_lock_the_gallery(three: Path, row: int) -> None:
    flip(three, "vault", "sealed", row)
    gallery = opened(three)
    assert found(gallery, direction(1), 1) == ["eve-of-3"]
    gallery.create_person("default", NewPerson(id="new"))
    gallery.close()
