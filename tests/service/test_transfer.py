"""What `adaface export`, `adaface import` and the endpoints behind them promise."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from models import bundle as bundles
from service.cli import app
from service.cli.remote import VARIABLE
from service.settings import STARTER
from service.transfer import encryption, parts, remote

from .serving import ADAFACE, Server, problem, server
from .transfer.people import part, vector

MANIFEST = bundles.load(STARTER).manifest
BUNDLE, DIMENSION = MANIFEST.id, MANIFEST.embedding_size
COUNT = 600  # three parts
ZIP = {"Content-Type": "application/zip"}
Run = subprocess.CompletedProcess[str]


def called(*arguments: object, **environment: str) -> Run:
    """The command within this process: a start costs more than most of what is asked here."""
    ran = CliRunner().invoke(app, [str(each) for each in arguments], env=environment)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return Run(list(arguments), ran.exit_code, ran.stdout, ran.stderr)


def refused(run: Run) -> str:
    assert run.returncode == 1, run.stdout
    [line] = run.stderr.strip().splitlines()
    return line


def url(client: httpx.Client) -> str:
    return str(client.base_url)


def sent(client: httpx.Client, collection: str, content: bytes, **query: object) -> httpx.Response:
    return client.post(
        f"/collections/{collection}/import", content=content, headers=ZIP, params=query
    )


def filled(client: httpx.Client, collection: str, count: int = COUNT) -> None:
    content = parts.written(part(count, BUNDLE, DIMENSION, collection))
    assert sent(client, collection, content).json()["created"] == count


def answers(client: httpx.Client, collection: str, count: int = 40) -> list[bytes]:
    """What a caller reads of the collection, byte by byte."""
    told = [client.get(f"/collections/{collection}").content]
    for n in range(count):
        person = f"/collections/{collection}/persons/p{n}"
        answer = client.get(person)
        assert answer.status_code == 200
        told += [
            answer.content,
            answer.headers["etag"].encode(),
            client.get(f"{person}/faces").content,
        ]
    probes = [vector(1000 * n, DIMENSION).tolist() for n in range(40)]
    query = {"collection": collection, "threshold": 0.1, "limit": 9}
    found = client.post("/identify", json={"embeddings": probes}, params=query)
    assert len(found.json()["results"][1]["candidates"]) >= 1
    return [*told, found.content]


@pytest.fixture(scope="module")
def original(
    client: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[bytes]]:
    """An export of `c` with 600 persons, which is there no more, and what it answered."""
    directory = tmp_path_factory.mktemp("exported") / "c"
    filled(client, "c")
    run = called("export", "c", directory, "--url", url(client), "--json")
    assert json.loads(run.stdout) == {
        "collection": "c", "bundle": BUNDLE, "persons": 600, "faces": 900, "parts": 3, "damaged": [],
    }  # fmt: skip
    told = answers(client, "c")
    client.delete("/collections/c")
    return directory, told


@pytest.fixture
def exported(original: tuple[Path, list[bytes]]) -> Path:
    return original[0]


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """The export, to be changed."""
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def test_exported_wiped_and_imported_every_answer_is_byte_equal(
    client: httpx.Client, tmp_path: Path
) -> None:
    filled(client, "staff")
    before = answers(client, "staff")
    assert called("export", "staff", tmp_path / "e", "--url", url(client)).returncode == 0
    assert client.delete("/collections/staff").status_code == 204
    run = called("import", tmp_path / "e", "--url", url(client))
    assert run.returncode == 0, run.stderr
    assert "staff: 600 created, 0 unchanged" in run.stdout
    assert answers(client, "staff") == before


def test_the_files_are_the_owner_s_alone(exported: Path) -> None:
    assert exported.stat().st_mode & 0o77 == 0
    assert all(path.stat().st_mode & 0o77 == 0 for path in exported.iterdir())
    assert sorted(path.name for path in exported.iterdir()) == [
        "manifest.json", "part-00001.zip", "part-00002.zip", "part-00003.zip",
    ]  # fmt: skip


def test_an_import_into_another_collection_and_again(
    client: httpx.Client, exported: Path, collection: str
) -> None:
    arguments = ("import", exported, "--collection", collection, "--url", url(client), "--json")
    assert json.loads(called(*arguments).stdout)["created"] == COUNT
    assert json.loads(called(*arguments).stdout)["unchanged"] == COUNT
    person = f"/collections/{collection}/persons/p7"
    client.patch(person, json={"name": "Somebody else"})
    line = refused(called(*arguments))
    assert "p7" in line
    assert "skip" in line
    skipped = called(*arguments, "--on-conflict", "skip")
    assert skipped.returncode == 1
    assert json.loads(skipped.stdout)["conflicts"] == ["p7"]
    assert json.loads(called(*arguments, "--on-conflict", "replace").stdout)["replaced"] == 1
    assert client.get(person).json()["name"] != "Somebody else"


def test_two_imports_at_once_make_everybody_once(
    client: httpx.Client, exported: Path, tmp_path: Path, collection: str
) -> None:
    content = [(exported / f"part-0000{n}.zip").read_bytes() for n in (1, 2, 3)]
    with ThreadPoolExecutor(2) as threads:
        told = list(
            threads.map(lambda _: [sent(client, collection, each).json() for each in content], "ab")
        )
    totals = [sum(each["created"] for each in run) for run in told]
    assert sum(totals) == COUNT
    assert client.get(f"/collections/{collection}").json()["face_count"] == 900


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that is killed when the second part of an import is written but not answered."""
    monkeypatch.setenv("ADAFACE_KILL_AT", "after_commit_before_index:2")
    with server(tmp_path / "killed") as running:
        monkeypatch.delenv("ADAFACE_KILL_AT")
        yield running


def test_an_import_into_a_service_that_is_killed_goes_on(
    original: tuple[Path, list[bytes]],
    killed: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exported, before = original
    monkeypatch.setattr(remote, "DELAYS", (0.01,))
    line = refused(called("import", exported, "--url", url(killed.client)))
    assert "does not answer" in line
    assert killed.process.wait() == 137
    program = [*ADAFACE, "serve", "--port", str(killed.client.base_url.port)]
    again = Server(tmp_path / "again.log", program=program, data_dir=tmp_path / "killed")
    run = called("import", exported, "--url", url(killed.client), "--json")
    told = json.loads(run.stdout)
    assert (told["earlier"], told["unchanged"], told["created"]) == (250, 250, 100)
    assert answers(again.client, "c") == before
    again.client.delete("/collections/c")
    told = json.loads(called("import", exported, "--url", url(killed.client), "--json").stdout)
    assert told["created"] == COUNT  # nothing is remembered of an import that was finished
    assert again.stop() == 0


def test_an_export_that_was_stopped_goes_on_after_its_last_whole_part(
    client: httpx.Client, collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "DELAYS", ())
    filled(client, collection)
    asked: list[str] = []

    async def failing(self: httpx.AsyncClient, method: str, url: str, **request: object) -> object:
        asked.append(url)
        if len(asked) == 5:  # the collection twice, and two parts
            raise httpx.ReadError("cut")
        return await real(self, method, url, **request)

    real = httpx.AsyncClient.request
    monkeypatch.setattr(httpx.AsyncClient, "request", failing)
    arguments = ("export", collection, tmp_path / "e", "--url", url(client))
    assert "same command again" in refused(called(*arguments))
    assert not (tmp_path / "e" / "manifest.json").exists()
    assert "not whole" in refused(called("import", tmp_path / "e"))
    with (tmp_path / "e" / "part-00002.zip").open("ab") as torn:
        torn.write(b"x")
    asked[:] = ["resumed"] * 9
    assert called(*arguments).returncode == 0
    assert len(asked) == 9 + 4  # the collection twice, and the two parts that are not whole
    assert "holds a whole export" in refused(called(*arguments))
    into = ("--collection", f"{collection}2", "--url", url(client), "--json")
    assert json.loads(called("import", tmp_path / "e", *into).stdout)["created"] == COUNT


def test_another_bundle_is_refused(client: httpx.Client, collection: str) -> None:
    answer = sent(client, collection, parts.written(part(5, "another-1", DIMENSION)))
    assert problem(answer) == (409, "bundle-mismatch")
    assert "another-1" in answer.json()["detail"]
    assert client.get(f"/collections/{collection}").json()["person_count"] == 0


def test_a_damaged_part_is_refused_and_nothing_is_changed(
    client: httpx.Client, collection: str
) -> None:
    content = parts.written(part(5, BUNDLE, DIMENSION, collection))
    for wrong in (content[:-9], b"", b"rubbish", bytes(reversed(content))):
        assert problem(sent(client, collection, wrong)) == (422, "unusable-part")
    text = client.post(f"/collections/{collection}/import", content=content)
    assert problem(text) == (415, "unsupported-media")
    assert problem(sent(client, collection, content, on_conflict="perhaps"))[1] == "invalid-request"
    assert client.get(f"/collections/{collection}").json()["person_count"] == 0
    assert problem(client.get("/collections/nobody/export")) == (404, "collection-not-found")
    assert problem(client.get(f"/collections/{collection}/export?after=x"))[1] == "invalid-request"


def test_every_part_is_verified_before_the_first_is_sent(client: httpx.Client, copy: Path) -> None:
    last = copy / "part-00003.zip"
    whole = last.read_bytes()
    for wrong in (whole[:-1], whole[:99] + bytes([whole[99] ^ 1]) + whole[100:]):
        last.write_bytes(wrong)
        assert "part-00003.zip is missing or was changed" in refused(
            called("import", copy, "--collection", "never", "--url", url(client))
        )
    last.unlink()
    assert "missing" in refused(called("import", copy, "--collection", "never"))
    assert client.get("/collections/never").status_code == 404


@pytest.mark.parametrize(
    ("before", "after"),
    [('"persons": 600', '"persons": 601'), ("part-00001", "../evil"), ('"version": 1', '"version": 2'),
     ('"Staff"', '"Stuff"'), ("{", "")],
)  # fmt: skip
def test_a_changed_manifest_is_refused(copy: Path, before: str, after: str) -> None:
    path = copy / "manifest.json"
    path.write_text(path.read_text().replace(before, after, 1))
    assert "manifest.json" in refused(called("import", copy, "--collection", "never"))


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a tenth of the time; that it is made with the manifest's numbers is tested, too."""
    fields = encryption.Encryption.model_fields
    monkeypatch.setattr(fields["n"], "default", 16384)
    encryption.Encryption.model_rebuild(force=True)


@pytest.mark.usefixtures("cheap")
def test_an_encrypted_export_needs_its_passphrase_and_every_byte(
    client: httpx.Client, collection: str, tmp_path: Path
) -> None:
    filled(client, collection, 300)
    secret, other, directory = tmp_path / "secret", tmp_path / "other", tmp_path / "e"
    secret.write_text("correct horse\n")
    other.write_text("battery staple\n")
    arguments = ("export", collection, directory, "--url", url(client), "--passphrase-file", secret)
    assert called(*arguments).returncode == 0
    kept = b"".join(path.read_bytes() for path in directory.iterdir())
    for word in (
        b"Staff",
        "Zoë".encode(),
        b"persons.ndjson",
        b"form 7",
        vector(3000, 128).tobytes(),
    ):
        assert word not in kept
    into = ("import", directory, "--collection", "opened", "--url", url(client))
    assert "passphrase" in refused(called(*into, "--passphrase-file", other))
    assert client.get("/collections/opened").status_code == 404
    first, second = directory / "part-00001.sealed", directory / "part-00002.sealed"
    swapped = first.read_bytes(), second.read_bytes()
    first.write_bytes(swapped[1])
    assert "changed" in refused(called(*into, "--passphrase-file", secret))
    first.write_bytes(swapped[0])
    run = called(*into, "--json", **{VARIABLE: "correct horse"})
    assert json.loads(run.stdout)["created"] == 300
    client.delete("/collections/opened")


def test_who_is_nobody_s_service_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "DELAYS", ())
    assert "does not answer" in refused(
        called("export", "c", tmp_path / "e", "--url", "http://127.0.0.1:1")
    )
    assert "no address" in refused(called("export", "c", tmp_path / "e", "--url", "nonsense"))
    assert not (tmp_path / "e").exists()
    assert called("export", "a/../b", tmp_path / "e").returncode == 2


def test_control_c_stops_an_export_in_one_line(
    client: httpx.Client, collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(client, collection)
    kept = parts.read

    def interrupted(content: bytes, most: int) -> object:
        signal.raise_signal(signal.SIGINT)
        return kept(content, most)

    monkeypatch.setattr(parts, "read", interrupted)
    line = refused(called("export", collection, tmp_path / "e", "--url", url(client)))
    assert "stopped" in line
