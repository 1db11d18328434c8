"""`adaface fsck` tells the healthy from the damaged, and repairs only what can be computed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from service.gallery.local import LocalGallery

from .faces import BUNDLE, DIMENSION, direction, enrolled, face, found, opened


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed gallery of ada, eve and joe, whose keys are 1 to 3 (secrets 2 to 4)."""
    monkeypatch.setenv("FACE_DATA_DIR", str(tmp_path))
    gallery = opened(tmp_path)
    for seed, person in enumerate(("ada", "eve", "joe")):
        enrolled(gallery, person, seed)
    gallery.close()
    return tmp_path


def opened_large(directory: Path) -> LocalGallery:
    """The gallery, as one that is large enough to keep a snapshot."""
    return LocalGallery.open(directory, bundle=BUNDLE, dimension=DIMENSION, large=2)


def fsck(*options: str) -> Result:
    return CliRunner().invoke(app, ["fsck", *options])


def changed(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / "gallery.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_whole_gallery_passes(directory: Path) -> None:
    result = fsck()
    assert (result.exit_code, result.stdout) == (0, "the gallery is whole\n")
    assert json.loads(fsck("--json").stdout) == {"found": [], "repaired": []}


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE faces SET sealed = zeroblob(100) WHERE key = 2", "face"),
        ("UPDATE persons SET sealed = NULL WHERE key = 2", "name"),
        ("UPDATE secrets SET wrapped = x'01' WHERE key = 3", "key"),
        ("UPDATE persons SET face_count = 2 WHERE key = 2", "2 faces were enrolled, 1 are there"),
    ],
)
def test_who_is_quarantined_is_named(directory: Path, statement: str, what: str) -> None:
    changed(directory, statement)
    result = fsck()
    assert result.exit_code == 1
    [line, summary] = result.stdout.splitlines()
    assert line.startswith("collection 'default', person 'eve': ")
    assert what in line
    assert summary.startswith("1 faults, 1 people quarantined")
    [fault] = json.loads(fsck("--json").stdout)["found"]
    assert (fault["collection"], fault["person"]) == ("default", "eve")


def test_a_damaged_label_and_key_check_are_named(directory: Path) -> None:
    changed(directory, "UPDATE collections SET sealed = x'00'")
    changed(directory, "UPDATE vault SET sealed = x'00' WHERE key = 1")
    lines = fsck().stdout.splitlines()
    assert lines[0] == "gallery.db: copy 1 of the key check is damaged"
    assert lines[1].startswith("collection 'default': ")
    assert "key check written anew" in fsck("--repair").stdout
    [label, summary] = fsck().stdout.splitlines()
    assert label == lines[1]
    assert summary.startswith("1 faults, 0 people quarantined")


def test_a_snapshot_that_a_start_would_refuse_is_named_and_removed(directory: Path) -> None:
    gallery = opened_large(directory)
    gallery._store.indexes._threads[0].join(60)  # closing would not wait for a reading to end
    gallery.close()
    [snapshot] = directory.glob("index-*.snapshot")
    assert fsck().exit_code == 0
    data = bytearray(snapshot.read_bytes())
    data[len(data) // 2] ^= 1
    snapshot.write_bytes(data)
    [line, _] = fsck().stdout.splitlines()
    assert line.startswith("collection 'default': its index snapshot is not used: it is damaged")
    assert snapshot.exists()
    [line, _, summary] = fsck("--repair").stdout.splitlines()
    assert "snapshot of 'default' removed" in line
    assert summary == "the gallery is whole"
    assert not snapshot.exists()


def test_repairing_computes_counters_anew_and_deletes_nobody(directory: Path) -> None:
    changed(directory, "UPDATE collections SET person_count = 9, face_count = 8")
    changed(directory, "UPDATE persons SET face_count = 0 WHERE key = 2")
    changed(directory, "UPDATE faces SET sealed = x'00' WHERE key = 3")
    assert fsck().exit_code == 1
    result = fsck("--repair")
    assert result.exit_code == 1  # joe cannot be computed
    assert "persons.face_count counted again in 1 rows" in result.stdout
    assert "person 'joe'" in result.stdout
    assert "person 'eve'" not in result.stdout
    gallery = opened(directory)
    assert gallery.collection("default").person_count == 3
    assert gallery.collection("default").face_count == 3
    assert found(gallery, direction(1), 1) == ["eve"]
    gallery.enroll("default", "eve", [face(direction(5))])
    gallery.close()


def test_no_gallery_and_a_gallery_in_use_are_one_line(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = opened(directory)
    result = fsck()
    gallery.close()
    assert result.exit_code == 1
    assert "Another process uses" in result.output
    monkeypatch.setenv("FACE_DATA_DIR", str(tmp_path / "none"))
    result = fsck()
    assert result.exit_code == 1
    assert "There is no gallery" in result.output
    assert not (tmp_path / "none").exists()
