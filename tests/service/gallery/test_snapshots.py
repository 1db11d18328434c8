"""A start from a snapshot answers as one from the database, and never with who is gone."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from service.errors import IndexBuilding, TemplateCorrupt
from service.gallery.index import Index
from service.gallery.local import LocalGallery

from .faces import BUNDLE, DIMENSION, direction, enrolled, face, found

LARGE = 8


def opening(directory: Path) -> LocalGallery:
    """Large collections are still being read."""
    return LocalGallery.open(directory, bundle=BUNDLE, dimension=DIMENSION, large=LARGE)


def settled(gallery: LocalGallery) -> LocalGallery:
    """Once what is read in the background has been."""
    gallery._store.indexes._threads[0].join(timeout=60)
    return gallery


def opened(directory: Path) -> LocalGallery:
    return settled(opening(directory))


def snapshot(directory: Path) -> Path:
    [path] = directory.glob("index-*.snapshot")
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A closed gallery of persons 0 to 19 in `default`, and of one in `small`."""
    gallery = opened(tmp_path / "data")
    for seed in range(20):
        enrolled(gallery, str(seed), seed)
    gallery.create_collection("small", None, {})
    enrolled(gallery, "ada", 99, "small")
    gallery.close()
    return tmp_path / "data"


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the indexes that are loaded from snapshots from now on."""
    sizes: list[int] = []
    load = Index.load.__func__

    def loaded(cls: type[Index], *arguments: object) -> tuple[Index, int]:
        index, revision = load(cls, *arguments)
        sizes.append(len(index))
        return index, revision

    monkeypatch.setattr(Index, "load", classmethod(loaded))
    return sizes


def everyone(gallery: LocalGallery, seeds: range) -> None:
    assert gallery.size("default") == len(seeds)
    for seed in seeds:
        [[best]] = gallery.search("default", direction(seed)[None], 1)
        assert (best.person.id, best.similarity) == (str(seed), pytest.approx(1, abs=1e-5))


def test_a_start_reads_the_snapshot_that_closing_wrote(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = counted(monkeypatch)
    for _ in range(2):
        gallery = opened(directory)
        everyone(gallery, range(20))
        assert found(gallery, direction(99), collection="small") == ["ada"]
        gallery.close()
    assert sizes == [20, 20]


def test_what_was_enrolled_after_the_snapshot_is_replayed(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = opened(directory)
    enrolled(gallery, "20", 20)
    gallery.enroll("default", "3", [face(direction(3)), face(direction(50))])
    together = gallery.search("default", direction(3)[None], 1)
    killed = shutil.copytree(directory, tmp_path / "killed")
    gallery.close()
    sizes = counted(monkeypatch)
    gallery = opened(killed)
    assert sizes == [20]
    assert gallery.size("default") == 21
    assert found(gallery, direction(20), 1) == ["20"]
    [[now]] = gallery.search("default", direction(3)[None], 1)
    assert now.similarity == pytest.approx(together[0][0].similarity, abs=1e-6)
    gallery.close()


def delete_person(gallery: LocalGallery) -> None:
    gallery.delete_person("default", "7")


def delete_face(gallery: LocalGallery) -> None:
    [only] = gallery.faces("default", "7", None, 9).items
    gallery.delete_face("default", "7", only.id)


@pytest.mark.parametrize("delete", [delete_person, delete_face])
def test_a_deletion_makes_the_snapshot_worthless_at_once(
    directory: Path, tmp_path: Path, delete: Callable[[LocalGallery], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    gallery = opened(directory)
    stolen = snapshot(directory).read_bytes()
    path = snapshot(directory)
    delete(gallery)
    assert not path.exists()
    killed = shutil.copytree(directory, tmp_path / "killed")
    gallery.close()
    assert snapshot(directory).read_bytes() != stolen  # closing wrote another
    (killed / path.name).write_bytes(stolen)
    sizes = counted(monkeypatch)
    gallery = opened(killed)
    assert sizes == []
    assert gallery.size("default") == 19
    assert "7" not in found(gallery, direction(7), 20)
    gallery.close()


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "another's"])
def test_a_snapshot_that_is_not_ours_is_read_anew_while_others_are_served(
    directory: Path, damage: str
) -> None:
    path = snapshot(directory)
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    elif damage == "cut":
        path.write_bytes(data[:-100])
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(bytes(data[:40]) + bytes(len(data) - 40))
    gallery = opening(directory)
    assert found(gallery, direction(99), collection="small") == ["ada"]
    everyone(settled(gallery), range(20))
    gallery.close()


def test_who_rotted_after_the_snapshot_is_not_found_once_that_is_known(directory: Path) -> None:
    with closing(sqlite3.connect(directory / "gallery.db")) as connection:
        connection.execute("UPDATE faces SET sealed = zeroblob(100) WHERE key = 8")
        connection.commit()
    gallery = opened(directory)
    assert found(gallery, direction(7), 1) == ["7"]  # the snapshot's template is whole
    for ask in (gallery.person, lambda *where: gallery.faces(*where, None, 9)):
        with pytest.raises(TemplateCorrupt):
            ask("default", "7")
        assert "7" not in found(gallery, direction(7), 30)
        assert gallery.size("default") == 19
    gallery.close()


def test_while_a_collection_is_read_changes_are_kept_and_searches_told_to_come_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot(directory).unlink()
    go_on, add = Event(), Index.add

    def slow(index: Index, *arguments: object) -> None:
        if len(arguments[0]) > 1:  # type: ignore[arg-type] # the rows of `default`
            assert go_on.wait(60)
        add(index, *arguments)  # type: ignore[arg-type] # as they were given

    monkeypatch.setattr(Index, "add", slow)
    gallery = opening(directory)
    with pytest.raises(IndexBuilding):
        found(gallery, direction(1))
    assert found(gallery, direction(99), collection="small") == ["ada"]
    gallery.delete_person("default", "7")
    enrolled(gallery, "20", 20)
    go_on.set()
    settled(gallery)
    assert gallery.size("default") == 20
    assert "7" not in found(gallery, direction(7), 30)
    assert found(gallery, direction(20), 1) == ["20"]
    gallery.close()


def test_a_deleted_collection_leaves_no_snapshot(directory: Path) -> None:
    gallery = opened(directory)
    gallery.delete_collection("default")
    assert not list(directory.glob("index-*"))
    assert gallery.size("default") == 0
    gallery.close()
    gallery = opened(directory)
    assert gallery.size("default") == 0
    gallery.close()
