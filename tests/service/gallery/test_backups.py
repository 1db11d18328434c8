"""A backup is the gallery of one moment; it comes back whole, and without those erased since."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.errors import BackupRefused, DataDirectoryUnusable, Overloaded, StorageFull
from service.gallery import ledger
from service.gallery.keys import FILE, KeySource
from service.gallery.local import LocalGallery
from service.gallery.protocol import NewPerson
from service.gallery.restoring import Archive, Restored, restore

from .faces import direction, enrolled, face, found, opened

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def saved(gallery: LocalGallery, path: Path) -> Path:
    made = gallery.backup()
    path.write_bytes(b"".join(made.parts))
    assert path.stat().st_size == made.size
    return path


def put_back(file: Path, directory: Path, kept: Path | None = None) -> Restored:
    keys = KeySource(directory / FILE)
    return restore(Archive.opened(file, keys), directory, keys, NOW, ledger=kept)


@contextmanager
def gallery_in(directory: Path) -> Iterator[LocalGallery]:
    gallery = opened(directory)
    try:
        yield gallery
    finally:
        gallery.close()


def people(gallery: LocalGallery, collection: str = "default") -> list[str]:
    return [person.id for person in gallery.persons(collection, None, 999).items]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_backup_brings_back_what_was_there(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        for seed in range(5):
            enrolled(gallery, f"p{seed}", seed)
        before = (
            gallery.persons("default", None, 9),
            gallery.search("default", direction(2)[None], 9),
        )
        file = saved(gallery, tmp_path / "backup")
        enrolled(gallery, "later", 7)
        gallery.change_person("default", "p1", {"name": "Another"})
    done = put_back(file, data)
    assert (done.manifest.persons, done.manifest.faces, done.manifest.collections) == (5, 5, 1)
    assert not done.found
    with gallery_in(data) as gallery:
        after = (
            gallery.persons("default", None, 9),
            gallery.search("default", direction(2)[None], 9),
        )
        assert after == before


def test_a_lost_gallery_comes_back_with_the_root_key(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        enrolled(gallery, "eve", 2)
        file = saved(gallery, tmp_path / "backup")
        gallery.delete_person("default", "eve")
    kept = shutil.copy(data / "erasures.log", tmp_path / "kept.log")
    key = (data / FILE).read_bytes()
    shutil.rmtree(data)
    data.mkdir()
    with pytest.raises(DataDirectoryUnusable, match=r"root key .* missing"):
        put_back(file, data)
    (data / FILE).write_bytes(key)
    put_back(file, data, Path(kept))
    with gallery_in(data) as gallery:
        assert people(gallery) == ["ada"]
        assert found(gallery, direction(2)) == ["ada"]


def test_writes_go_on_during_a_backup_and_each_is_in_it_whole(data: Path, tmp_path: Path) -> None:
    """A person and a face of theirs come in one step each; of no person is half there."""
    with gallery_in(data) as gallery:
        for seed in range(40):
            enrolled(gallery, f"old-{seed}", seed)
        acknowledged: list[str] = []
        done = threading.Event()

        def write(name: str) -> None:
            for n in range(10_000):
                if done.is_set():
                    return
                enrolled(gallery, f"{name}-{n}", n)
                acknowledged.append(f"{name}-{n}")

        writers = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(2)]
        for writer in writers:
            writer.start()
        files, expected = [], []
        for n in range(3):
            expected.append(list(acknowledged))
            files.append(saved(gallery, tmp_path / f"{n}"))
        done.set()
        for writer in writers:
            writer.join()
    for n, file in enumerate(files):
        other = tmp_path / f"data-{n}"
        other.mkdir()
        shutil.copy(data / FILE, other / FILE)
        assert not put_back(file, other).found
        with gallery_in(other) as gallery:
            there = gallery.persons("default", None, 999).items
            assert {*expected[n], *(f"old-{s}" for s in range(40))} <= {each.id for each in there}
            assert sum(each.face_count == 0 for each in there) <= 2


def test_one_changed_byte_is_refused_and_changes_nothing(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        file = saved(gallery, tmp_path / "backup")
        enrolled(gallery, "eve", 2)
    content = file.read_bytes()
    line = content.index(b"\n")
    dice = random.Random(3)
    places = [*range(0, line + 1, 9), line, *(dice.randrange(len(content)) for _ in range(20))]
    for place in [*places, len(content) - 1]:
        changed = bytearray(content)
        changed[place] ^= 1 << dice.randrange(8)
        file.write_bytes(changed)
        with pytest.raises(BackupRefused):
            put_back(file, data)
    for cut in (content[:-1], content[: len(content) // 2], content + b"x", b""):
        file.write_bytes(cut)
        with pytest.raises(BackupRefused):
            put_back(file, data)
    with gallery_in(data) as gallery:
        assert people(gallery) == ["ada", "eve"]


def test_another_root_key_or_a_newer_release_is_named(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        file = saved(gallery, tmp_path / "backup")
    opened(tmp_path / "other").close()
    with pytest.raises(BackupRefused, match="another root key"):
        put_back(file, tmp_path / "other")
    content = file.read_bytes()
    assert content.count(b'"schema": ') == 1
    file.write_bytes(content.replace(b'"schema": ', b'"schema": 9'))
    with pytest.raises(BackupRefused, match="newer release"):
        put_back(file, data)


def test_a_backup_does_not_bring_back_whom_was_erased(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        gallery.create_collection("staff", None, {})
        for seed, name in enumerate(("ada", "eve", "joe", "kim", "max")):
            enrolled(gallery, name, seed)
        enrolled(gallery, "tom", 9, "staff")
        [second] = gallery.enroll("default", "ada", [face(direction(30))])
        file = saved(gallery, tmp_path / "backup")
        gallery.delete_person("default", "eve")
        gallery.delete_face("default", "ada", second.id)
        gallery.delete_collection("staff")
        gallery.merge_persons("default", "joe", "kim")  # who is gone after that with joe
        gallery.change_person("default", "kim", {"id": "kate"})
        gallery.delete_person("default", "kate")
        enrolled(gallery, "late", 12)
    done = put_back(file, data)
    assert dict(done.erased) == {"collection": 1, "person": 3, "face": 1}
    with gallery_in(data) as gallery:
        assert people(gallery) == ["ada", "max"]
        assert gallery.person("default", "ada").face_count == 1
        assert [each.id for each in gallery.collections(None, 9).items] == ["default"]
        assert set(found(gallery, direction(1))) == {"ada", "max"}
        file = saved(gallery, file)  # the ledger goes on
    assert not put_back(file, data).erased
    with gallery_in(data) as gallery:
        assert people(gallery) == ["ada", "max"]


def test_whoever_was_merged_and_not_erased_comes_back(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "joe", 1)
        enrolled(gallery, "kim", 2)
        file = saved(gallery, tmp_path / "backup")
        gallery.merge_persons("default", "joe", "kim")
    assert not put_back(file, data).erased
    with gallery_in(data) as gallery:
        assert people(gallery) == ["joe", "kim"]


def test_expired_people_stay_erased(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        gallery.create_person("default", NewPerson(id="ada", expires_at=datetime.now(UTC)))
        gallery.create_person("default", NewPerson(id="eve"))
        file = saved(gallery, tmp_path / "backup")
        assert gallery.sweep() == 1
    assert put_back(file, data).erased["person"] == 1


def test_who_is_enrolled_again_with_the_same_ids_and_times_is_in_later_backups(
    data: Path, tmp_path: Path
) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        part = gallery.export_part("default", None, 9)
        gallery.delete_person("default", "ada")
        gallery.import_part("default", part)
        file = saved(gallery, tmp_path / "backup")
    assert not put_back(file, data).erased
    with gallery_in(data) as gallery:
        assert found(gallery, direction(1)) == ["ada"]
        gallery.delete_person("default", "ada")
    assert put_back(file, data).erased["person"] == 1


def test_the_ledger_names_nobody_and_is_caught_up_at_a_start(data: Path) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        enrolled(gallery, "eve", 2)
        gallery.delete_person("default", "ada")
        whole = (data / "erasures.log").read_bytes()
        assert len(list(ledger.read(data / "erasures.log"))) == 2  # the person and the face
    for torn in (b"", whole[:-1], whole[:30], whole + b"2026-"):
        (data / "erasures.log").write_bytes(torn)
        with gallery_in(data) as gallery:
            assert people(gallery) == ["eve"]
        assert (data / "erasures.log").read_bytes() == whole
    (data / "erasures.log").unlink()
    opened(data).close()
    assert (data / "erasures.log").read_bytes() == whole
    assert b"ada" not in whole


def test_an_old_copy_put_in_place_by_hand_loses_those_who_were_erased(
    data: Path, tmp_path: Path
) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        enrolled(gallery, "eve", 2)
    shutil.copy(data / "gallery.db", tmp_path / "copy")
    with gallery_in(data) as gallery:
        gallery.delete_person("default", "ada")
    shutil.copy(tmp_path / "copy", data / "gallery.db")
    with gallery_in(data) as gallery:
        assert people(gallery) == ["eve"]
        assert found(gallery, direction(1)) == ["eve"]


def test_a_ledger_that_cannot_be_written_does_not_prevent_a_deletion(data: Path) -> None:
    with gallery_in(data) as gallery:
        for seed, name in enumerate(("ada", "eve", "joe")):
            enrolled(gallery, name, seed)
        gallery.delete_person("default", "ada")
        written = (data / "erasures.log").read_bytes()
        (data / "erasures.log").unlink()
        (data / "erasures.log").mkdir()  # opening it fails, as a full disk's first block would
        gallery.delete_person("default", "eve")
        assert people(gallery) == ["joe"]
        (data / "erasures.log").rmdir()
        (data / "erasures.log").write_bytes(written)
        gallery.delete_person("default", "joe")
    assert len(set(ledger.read(data / "erasures.log"))) == 6


def test_an_unreadable_gallery_is_kept_aside(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        file = saved(gallery, tmp_path / "backup")
    (data / "gallery.db").write_bytes(b"no database" * 999)
    put_back(file, data)
    assert (data / "gallery.db.unreadable").read_bytes() == b"no database" * 999
    with gallery_in(data) as gallery:
        assert people(gallery) == ["ada"]


@pytest.mark.parametrize("point", ["before_restore_rename", "after_restore_rename"])
def test_a_kill_leaves_the_old_gallery_or_the_new_one(
    data: Path, tmp_path: Path, point: str
) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        file = saved(gallery, tmp_path / "backup")
        enrolled(gallery, "eve", 2)
    code = "from tests.service.gallery.test_backups import *; put_back(Path(sys.argv[1]), Path(sys.argv[2]))"
    environment = os.environ | {"ADAFACE_KILL_AT": f"{point}:1"}
    killed = subprocess.run([sys.executable, "-c", code, file, data], env=environment, check=False)
    assert killed.returncode == 137
    with gallery_in(data) as gallery:
        assert people(gallery) == (["ada", "eve"] if point.startswith("before") else ["ada"])
    assert not list(data.glob("unfinished-*"))


def test_a_directory_in_use_is_left_alone(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        file = saved(gallery, tmp_path / "backup")
        with pytest.raises(DataDirectoryUnusable, match="Another process"):
            put_back(file, data)


def test_the_copy_has_no_name_while_it_is_sent(data: Path) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        names = sorted(path.name for path in data.iterdir())
        made = gallery.backup()
        next(made.parts)
        assert sorted(path.name for path in data.iterdir()) == names
        assert len(b"".join(made.parts)) > 32


def test_one_backup_is_made_at_a_time(data: Path) -> None:
    with gallery_in(data) as gallery, gallery._store._backups._made, pytest.raises(Overloaded):
        gallery.backup()


def test_without_room_there_is_no_backup_and_enrolling_goes_on(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        free = shutil.disk_usage(data)._replace(free=1000)
        monkeypatch.setattr("shutil.disk_usage", lambda _: free)
        with pytest.raises(StorageFull, match=r"as much as gallery\.db takes"):
            gallery.backup()
        enrolled(gallery, "eve", 2)
        assert not list(data.glob("unfinished-*"))


def test_a_gallery_of_before_the_ledger_can_be_replaced(data: Path, tmp_path: Path) -> None:
    with gallery_in(data) as gallery:
        enrolled(gallery, "ada", 1)
        file = saved(gallery, tmp_path / "backup")
    with closing(sqlite3.connect(data / "gallery.db")) as connection:
        connection.execute("DROP TABLE erasures")
    put_back(file, data)
    assert not (data / "gallery.db.unreadable").exists()
