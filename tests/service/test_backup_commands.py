"""`adaface backup` while the service runs, and `adaface restore` while it does not."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import httpx

from .serving import command, server

PERSONS = "/collections/default/persons"


def test_a_gallery_goes_out_while_it_is_served_and_comes_back(tmp_path: Path) -> None:
    data, file, log = tmp_path / "data", tmp_path / "gallery.backup", tmp_path / "kept.log"
    with server(data) as running:
        client = running.client
        for name in ("ada", "eve"):
            client.post(PERSONS, json={"id": name})
        running.fill_disk()
        full = command("backup", file, "--url", str(client.base_url), cwd=tmp_path)
        assert full.returncode == 1
        assert "no room in the data directory" in full.stderr
        assert not list(data.glob("unfinished-*"))
        running.free_disk()
        saved = command("backup", file, "--url", str(client.base_url), cwd=tmp_path)
        assert saved.returncode == 0, saved.stderr
        assert f"{file.stat().st_size:,} bytes" in saved.stdout
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert json.loads(file.read_bytes().split(b"\n", 1)[0])["persons"] == 2
        client.delete(f"{PERSONS}/eve")
        log.write_bytes((data / "erasures.log").read_bytes())
        client.post(PERSONS, json={"id": "joe"})
        refused = command("restore", file, data_dir=data)
        assert refused.returncode == 1
        assert "Another process" in refused.stderr
    back = command("restore", file, "--ledger", log, "--data-dir", data)
    assert back.returncode == 0, back.stderr
    assert "erased again: 1 persons" in back.stdout
    assert "the gallery is whole" in back.stdout
    with server(data) as running:
        listed = running.client.get(PERSONS).json()["items"]
        assert [item["id"] for item in listed] == ["ada"]


def test_over_http_a_backup_has_a_length_a_name_and_a_type(client: httpx.Client) -> None:
    answer = client.get("/backup")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-type"] == "application/vnd.adaface.backup"
    assert re.search(
        r'filename="gallery-\d{8}-\d{6}\.backup"', answer.headers["content-disposition"]
    )


def test_whatever_prevents_it_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("something else\n")
    for arguments, says in (
        (("backup", file, "--url", "http://127.0.0.1:9"), "does not answer"),
        (("backup", file, "--url", "ftp://there"), "is no address"),
        (("restore", file), "is no backup"),
        (("restore", tmp_path / "none"), "No such file"),
        (("restore", file, "--ledger", tmp_path / "none"), "does not exist"),
    ):
        done = command(*arguments, data_dir=tmp_path / "data")
        assert done.returncode == 1
        assert says in done.stderr
        assert done.stderr.count("\n") == 1
    assert file.read_text() == "something else\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
