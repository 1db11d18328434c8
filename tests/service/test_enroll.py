"""What `adaface enroll` promises."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from service.cli import app
from service.transfer import enrolling, folders, remote
from service.transfer.folders import id_of
from tests import photographs

from .people import members
from .serving import server

COUNT = 6
Run = subprocess.CompletedProcess[str]


def called(client: httpx.Client, folder: Path, collection: str, *options: object) -> Run:
    """The command within this process, with its answer in JSON.

    All 'persons' of the fixture are one, recolored, so that duplicates have to be allowed.
    """
    given = ["enroll", folder, "--collection", collection, "--url", client.base_url, *options]
    ran = CliRunner().invoke(app, [*map(str, given), "--json", "--allow-duplicates"])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return Run(given, ran.exit_code, ran.stdout, ran.stderr)


def told(run: Run) -> tuple[int, int, int]:
    """Enrolled, known and rejected."""
    document = json.loads(run.stdout)
    return document["enrolled"], document["known"], len(document["rejected"])


@pytest.fixture
def folder(persons: Path, tmp_path: Path) -> Path:
    """Two photographs each of six persons, one of whom has a name that is no id."""
    root = tmp_path / "folder"
    for n in range(COUNT):
        name = "Zoë O'Neill" if n == 0 else f"Person_{n}"
        shutil.copytree(persons / f"Person_{n}", root / name)
    return root


def faces(client: httpx.Client, collection: str, person: str) -> int:
    return int(client.get(f"/collections/{collection}/persons/{person}").json()["face_count"])


def total(client: httpx.Client, collection: str) -> tuple[int, int]:
    document = client.get(f"/collections/{collection}").json()
    return document["person_count"], document["face_count"]


def test_everybody_is_enrolled_and_a_second_run_finds_only_what_is_new(
    client: httpx.Client, folder: Path, collection: str
) -> None:
    (folder / "Person_1" / "bad.jpg").write_bytes(b"rubbish")
    (folder / "Person_2" / "coffee.png").write_bytes(photographs.without_faces("coffee.png"))
    first = called(client, folder, collection)
    assert first.returncode == 1
    assert told(first) == (2 * COUNT, 0, 2)
    reasons = {
        Path(each["file"]).name: each["reasons"] for each in json.loads(first.stdout)["rejected"]
    }
    assert reasons == {"bad.jpg": ["undecodable-image"], "coffee.png": ["no-face-found"]}
    assert total(client, collection) == (COUNT, 2 * COUNT)
    zoe = id_of("Zoë O'Neill")
    person = client.get(f"/collections/{collection}/persons/{zoe}").json()
    assert person["name"] == "Zoë O'Neill"
    (folder / "Person_1" / "bad.jpg").unlink()
    (folder / "Person_2" / "coffee.png").unlink()
    (folder / "Person_3" / "new.jpg").write_bytes(photographs.portrait())
    (folder / "Person_3" / "again.jpg").write_bytes(photographs.portrait())
    second = called(client, folder, collection)
    assert second.returncode == 0
    assert told(second) == (1, 2 * COUNT + 1, 0)
    assert faces(client, collection, "Person_3") == 3


def test_who_matches_another_person_is_rejected_and_the_others_are_enrolled(
    client: httpx.Client, folder: Path, collection: str
) -> None:
    for name in ("Person_2", "Person_3", "Person_4", "Person_5", "Zoë O'Neill"):
        shutil.rmtree(folder / name)
    (folder / "twin").mkdir()
    (folder / "twin" / "a.png").write_bytes(photographs.astronaut())
    given = ["enroll", folder, "--collection", collection, "--url", client.base_url, "--json"]
    ran = CliRunner().invoke(app, [*map(str, given), "--in-flight", "1"])
    assert ran.exit_code == 1
    [refused] = json.loads(ran.stdout)["rejected"]
    assert (Path(refused["file"]).name, refused["reasons"]) == ("a.png", ["duplicate-person"])
    assert "Person_1" in refused["advice"]
    assert total(client, collection)[1] == 2


def test_of_a_folder_only_the_face_of_somebody_else_is_rejected(
    client: httpx.Client, folder: Path, collection: str
) -> None:
    for name in ("Person_2", "Person_3", "Person_4", "Person_5", "Zoë O'Neill"):
        shutil.rmtree(folder / name)
    (folder / "Person_1" / "stranger.png").write_bytes(members(client)[0])
    run = called(client, folder, collection)
    assert run.returncode == 1
    assert told(run) == (2, 0, 1)
    [refused] = json.loads(run.stdout)["rejected"]
    assert Path(refused["file"]).name == "stranger.png"
    assert refused["reasons"] == ["identity-conflict"]


def test_who_was_deleted_is_enrolled_anew(
    client: httpx.Client, folder: Path, collection: str
) -> None:
    assert told(called(client, folder, collection)) == (2 * COUNT, 0, 0)
    client.delete(f"/collections/{collection}/persons/Person_1")
    assert told(called(client, folder, collection)) == (2, 2 * COUNT - 2, 0)
    assert faces(client, collection, "Person_1") == 2


def test_a_run_whose_memory_is_lost_enrolls_nothing_twice(
    client: httpx.Client, folder: Path, collection: str, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    assert told(called(client, folder, collection, "--journal", journal)) == (2 * COUNT, 0, 0)
    journal.write_bytes(journal.read_bytes().splitlines()[0] + b"\n{torn")
    assert called(client, folder, collection, "--journal", journal).returncode == 0
    assert total(client, collection) == (COUNT, 2 * COUNT)


def test_an_answer_that_got_lost_is_asked_for_again(
    client: httpx.Client, folder: Path, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "DELAYS", (0.01,))
    lost: set[str] = set()

    async def losing(self: httpx.AsyncClient, method: str, url: str, **request: object) -> object:
        answer = await real(self, method, url, **request)
        if url not in lost and method == "POST":
            lost.add(url)
            raise httpx.ReadError("lost")
        return answer

    real = httpx.AsyncClient.request
    monkeypatch.setattr(httpx.AsyncClient, "request", losing)
    assert told(called(client, folder, collection)) == (2 * COUNT, 0, 0)
    assert total(client, collection) == (COUNT, 2 * COUNT)
    assert len(lost) == COUNT + 1  # creating persons, and enrolling each


def test_control_c_waits_for_what_is_on_its_way_and_a_second_run_goes_on(
    client: httpx.Client, folder: Path, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = enrolling._read

    def interrupted(batch: list[Path]) -> object:
        monkeypatch.setattr(enrolling, "_read", kept)
        signal.raise_signal(signal.SIGINT)
        return kept(batch)

    monkeypatch.setattr(enrolling, "_read", interrupted)
    first = called(client, folder, collection, "--in-flight", 1)
    assert first.returncode == 130
    assert json.loads(first.stdout)["stopped"] is True
    done, _, _ = told(first)
    assert 1 <= done < 2 * COUNT
    assert total(client, collection)[1] == done
    assert told(called(client, folder, collection)) == (2 * COUNT - done, done, 0)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[httpx.Client]:
    """A service that takes small bodies."""
    with server(tmp_path / "small", max_body_bytes=25_000) as running:
        yield running.client


def test_a_service_that_takes_little_gets_less_at_a_time(small: httpx.Client, folder: Path) -> None:
    (folder / "Person_1" / "large.png").write_bytes(photographs.astronaut())
    run = called(small, folder, "default")
    assert told(run) == (2 * COUNT, 0, 1)
    [rejected] = json.loads(run.stdout)["rejected"]
    assert rejected["reasons"] == ["body-too-large"]
    assert total(small, "default") == (COUNT, 2 * COUNT)


def test_what_prevents_all_is_one_line(client: httpx.Client, folder: Path, tmp_path: Path) -> None:
    for run, words in (
        (called(client, folder, "nobody"), "no collection 'nobody'"),
        (called(client, tmp_path / "missing", "default"), "holds no photographs"),
        (called(client, folder, "default", "--journal", tmp_path), "--journal"),
    ):
        assert run.returncode == 1
        [line] = run.stderr.strip().splitlines()
        assert words in line
    assert called(client, folder, "a/b").returncode == 2


def test_names_become_ids_and_different_names_different_ids() -> None:
    assert id_of("George_W_Bush") == "George_W_Bush"
    ids = [
        id_of(name)
        for name in ("José Ruiz", "Jose Ruiz", "José  Ruiz", "山田", "山本", "..", "a/b")
    ]
    assert len(set(ids)) == len(ids)
    assert ids[0].startswith("Jose_Ruiz-")
    assert ids[3].startswith("person-")


def test_photographs_are_sent_in_requests_of_a_bounded_size(tmp_path: Path) -> None:
    sizes = [folders.MOST_BYTES // 3] * 4 + [10] * 45
    paths = []
    for n, size in enumerate(sizes):
        paths.append(tmp_path / f"{n:02d}.jpg")
        with paths[-1].open("wb") as file:
            file.truncate(size)
    batches = list(folders.Subject("p", "p", tuple(paths)).batches())
    assert [len(each) for each in batches] == [3, 20, 20, 6]
    assert [path for each in batches for path in each] == paths
