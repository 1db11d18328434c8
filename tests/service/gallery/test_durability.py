"""What survives, what is gone, and who may open the data directory."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from service.errors import DataDirectoryUnusable, StartupError, StorageFull
from service.gallery import killpoints
from service.gallery.local import LocalGallery
from service.gallery.protocol import NewPerson

from .faces import direction, enrolled, face, found, opened

HERE = Path(__file__).parent
PATH = os.pathsep.join([str(HERE.parent), str(HERE.parents[2])])


def enrolling(
    directory: Path, first: int, most_bytes: int = 0, kill_at: str = ""
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, HERE / "enrolling.py", directory, str(first), str(most_bytes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": PATH, "ADAFACE_KILL_AT": kill_at},
    )


def bytes_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir() if path.is_file())


def test_everything_survives_reopening(tmp_path: Path) -> None:
    gallery = opened(tmp_path)
    gallery.create_collection("staff", "Staff", {"a": 1})
    for seed in range(8):
        enrolled(gallery, f"p{seed}", seed, "staff")
    gallery.delete_person("staff", "p3")
    before = [gallery.collections(None, 9), gallery.persons("staff", None, 99)]
    faces = gallery.faces("staff", "p1", None, 9)
    answers = gallery.search("staff", direction(1)[None], 9)
    gallery.close()
    gallery = opened(tmp_path)
    assert [gallery.collections(None, 9), gallery.persons("staff", None, 99)] == before
    assert gallery.faces("staff", "p1", None, 9) == faces
    assert gallery.search("staff", direction(1)[None], 9) == answers
    gallery.close()


def test_a_kill_loses_no_acknowledged_face(tmp_path: Path) -> None:
    told: dict[str, str] = {}
    for kill in range(3):
        with enrolling(tmp_path, first=1000 * kill) as child:
            assert child.stdout
            lines = [child.stdout.readline() for _ in range(random.randint(5, 60))]
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.readlines()
        told |= dict(line.split() for line in lines if line.endswith("\n"))
    gallery = opened(tmp_path)
    assert len(told) >= 15
    assert 0 <= gallery.size("default") - len(told) <= 3
    for person, acknowledged in told.items():
        assert [kept.id for kept in gallery.faces("default", person, None, 9).items] == [
            acknowledged
        ]
        assert found(gallery, direction(int(person)), 1) == [person]
    gallery.close()


@pytest.mark.parametrize(
    ("point", "unacknowledged"),
    [(killpoints.BEFORE_COMMIT, 0), (killpoints.AFTER_COMMIT, 1), (killpoints.AFTER_INDEX, 1)],
)
def test_a_kill_between_commit_and_answer_keeps_what_was_committed(
    tmp_path: Path, point: str, unacknowledged: int
) -> None:
    count = 8 if point == killpoints.BEFORE_COMMIT else 4  # the 4th enrollment is the 8th commit
    opened(tmp_path).close()  # so that creating `default` is no commit of the child's
    with enrolling(tmp_path, first=0, kill_at=f"{point}:{count}") as child:
        output, errors = child.communicate(timeout=60)
    assert child.returncode == 137, errors
    assert [line.split()[0] for line in output.splitlines()] == ["0", "1", "2"]
    gallery = opened(tmp_path)
    assert gallery.collection("default").person_count == 4
    assert gallery.size("default") == 3 + unacknowledged
    for seed in range(gallery.size("default")):
        assert found(gallery, direction(seed), 1) == [str(seed)]
    gallery.close()


def test_a_full_disk_is_told_and_changes_nothing(tmp_path: Path) -> None:
    gallery = opened(tmp_path)
    enrolled(gallery, "ada", 1)
    revision = gallery._store.database.revision()
    pages = gallery._store.database._writer.execute("PRAGMA page_count").fetchone()[0]
    gallery._store.database._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull, match="full"):
        gallery.enroll("default", "ada", [face(direction(seed)) for seed in range(999)])
    with pytest.raises(StorageFull):
        gallery.create_collection("staff", None, {"much": "x" * 99_999})
    assert gallery.person("default", "ada").face_count == 1
    assert gallery._store.database.revision() == revision
    gallery._store.database._writer.execute("PRAGMA max_page_count = 1000000")
    enrolled(gallery, "eve", 2)
    assert found(gallery, direction(2)) == ["eve", "ada"]
    gallery.close()


def test_a_used_up_quota_is_told_and_loses_nothing_and_people_can_be_deleted(
    tmp_path: Path,
) -> None:
    opened(tmp_path).close()
    with enrolling(tmp_path, first=0, most_bytes=600_000) as child:
        output, errors = child.communicate(timeout=60)
    told = [line.split() for line in output.splitlines()]
    enrolled = [first for first, _ in told if first.isdigit()]
    deleted = {person for first, person in told if first == "deleted"}
    assert "full" in errors
    assert ["full", str(len(enrolled))] in told
    assert deleted == {"0", "1", "2"}  # with no file able to grow
    gallery = opened(tmp_path)
    assert gallery.size("default") == len(enrolled) - 3 > 2
    for person in enrolled:
        assert (found(gallery, direction(int(person)), 1) == [person]) == (person not in deleted)
    gallery.close()


def stored(directory: Path) -> dict[int, list[bytes]]:
    """By person: the wrapped key first, then whatever it seals."""
    with closing(sqlite3.connect(directory / "gallery.db")) as connection:
        rows = connection.execute(
            "SELECT p.key, s.wrapped, p.sealed, f.sealed FROM persons p"
            " JOIN secrets s ON s.key = p.secret JOIN faces f ON f.person = p.key"
        )
        return {key: list(values) for key, *values in rows}


def test_deleted_persons_leave_no_bytes_in_any_file(tmp_path: Path) -> None:
    gallery = opened(tmp_path)
    order = list(range(120))
    for seed in order:
        enrolled(gallery, f"id-of-{seed}-", seed)
    kept, before = bytes_in(tmp_path), stored(tmp_path)
    assert all(value in kept for values in before.values() for value in values)
    random.Random(5).shuffle(order)
    for seed in order[:60]:
        gallery.delete_person("default", f"id-of-{seed}-")
    remaining = stored(tmp_path)
    assert len(remaining) == 60
    for run in range(2):
        kept = bytes_in(tmp_path)
        for seed in order[:60]:
            assert f"id-of-{seed}-".encode() not in kept
        for person, (key, *rest) in before.items():
            assert (key in kept) == (person in remaining)
            assert all(value in kept for value in rest) == (person in remaining)
        if run == 0:
            gallery.close()


def test_nothing_a_caller_said_is_readable_without_the_root_key(tmp_path: Path) -> None:
    gallery = opened(tmp_path)
    gallery.create_collection("staff", "The staff", {"floor": "second floor"})
    new = NewPerson("ada", "Ada Lovelace", "external-7", {"born": "in 1815"})
    gallery.create_person("staff", new)
    gallery.enroll("staff", "ada", [face(direction(1))])
    for _ in range(2):
        kept = bytes_in(tmp_path)
        for words in (b"The staff", b"second floor", b"Lovelace", b"external-7", b"in 1815"):
            assert words not in kept
        assert direction(1).tobytes()[:8] not in kept
        gallery.close()


def test_a_deleted_face_or_collection_leaves_no_bytes(
    gallery: LocalGallery, tmp_path: Path
) -> None:
    gallery.create_collection("staff", "The staff", {})
    enrolled(gallery, "ada", 1, "staff")
    [second] = gallery.enroll("staff", "ada", [face(direction(2))])
    [before] = stored(tmp_path).values()
    gallery.delete_face("staff", "ada", second.id)
    [after] = stored(tmp_path).values()
    kept = bytes_in(tmp_path)
    assert not any(value in kept for value in before)  # the rest is under another key
    assert all(value in kept for value in after)
    assert found(gallery, direction(1), 1, "staff") == ["ada"]
    gallery.delete_collection("staff")
    kept = bytes_in(tmp_path)
    assert not any(value in kept for value in after)
    assert b"staff" not in kept


def test_what_a_killed_process_deleted_is_erased_at_the_next_start(tmp_path: Path) -> None:
    gallery = opened(tmp_path)
    enrolled(gallery, "ada", 1)
    [before] = stored(tmp_path).values()
    with gallery._store.database.writing() as connection:  # and killed before the log was emptied
        records = gallery._store._records(connection)
        records.persons.remove(records.persons.owner(records.collections.place("default"), "ada"))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (*tmp_path.glob("gallery.db*"), tmp_path / "root.key"):
        (copy / path.name).write_bytes(path.read_bytes())
    gallery.close()
    assert all(value in bytes_in(copy) for value in before)
    gallery = opened(copy)
    assert not any(value in bytes_in(copy) for value in before)
    gallery.close()


def test_every_change_raises_the_revision_once(gallery: LocalGallery) -> None:
    before = gallery._store.database.revision()
    enrolled(gallery, "ada", 1)
    gallery.delete_person("default", "ada")
    assert gallery._store.database.revision() == before + 3


def test_commits_reach_the_disk_and_deletions_are_overwritten(gallery: LocalGallery) -> None:
    pragmas = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}
    for name, value in pragmas.items():
        assert gallery._store.database._writer.execute(f"PRAGMA {name}").fetchone() == (value,)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with enrolling(tmp_path, first=0) as child:
        assert child.stdout
        child.stdout.readline()
        with pytest.raises(DataDirectoryUnusable, match=f"Another process.*{tmp_path}"):
            opened(tmp_path)
        child.kill()
    opened(tmp_path).close()  # the lock dies with its holder


def test_a_second_gallery_in_this_process_is_refused(gallery: LocalGallery, tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryUnusable, match="Another"):
        opened(tmp_path)
    assert gallery.size("default") == 0


def test_directories_are_created_for_their_owner_only(tmp_path: Path) -> None:
    opened(tmp_path / "a" / "b").close()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirectoryUnusable, match=f"{tmp_path}/file/data"):
        opened(tmp_path / "file" / "data")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "gallery.db").write_bytes(b"not a database, by far" * 99)
    with pytest.raises(DataDirectoryUnusable, match=f"{tmp_path}.*not a database"):
        opened(tmp_path)
    assert (tmp_path / "gallery.db").read_bytes() == b"not a database, by far" * 99


def test_a_gallery_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "gallery.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StartupError, match=f"{tmp_path}.*99.*newer"):
        opened(tmp_path)


def test_after_a_refusal_the_directory_is_free(tmp_path: Path) -> None:
    (tmp_path / "gallery.db").write_bytes(b"x" * 4096)
    for _ in range(2):
        with pytest.raises(DataDirectoryUnusable, match="not a database"):
            opened(tmp_path)
    (tmp_path / "gallery.db").unlink()
    gallery = opened(tmp_path)
    gallery.create_person("default", NewPerson(id="ada"))
    gallery.close()
