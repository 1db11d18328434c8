"""Access keys on a real server: what each lets through, before anything else is done."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from typer.testing import CliRunner

from service.access import SCOPES
from service.app import PARTS
from service.cli.commands import app
from service.errors import StartupError
from service.routes.scopes import NEEDED
from service.runtime import open_access
from service.settings import Settings
from tests import photographs
from tests.service.serving import Server, command, problem, server
from tests.service.wire import connected, received

ADMIN = secrets.token_hex(32)
JPEG = {"Content-Type": "image/jpeg"}


class Door(NamedTuple):
    """A server that asks for keys, and the directory they are kept in."""

    running: Server
    directory: Path

    def keys(self, *arguments: str) -> str:
        """What `adaface keys` prints on standard output."""
        done = CliRunner().invoke(app, ["keys", *arguments, "--data-dir", str(self.directory)])
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    def create(self, *scopes: str, expires: str | None = None) -> str:
        named = [word for scope in scopes for word in ("--scope", scope)]
        until = [] if expires is None else ["--expires", expires]
        return self.keys("create", secrets.token_hex(4), *named, *until).splitlines()[0]

    def ask(self, token: str | None, method: str = "GET", path: str = "/models", **request: Any):
        headers = {**request.pop("headers", {}), **({"X-API-Key": token} if token else {})}
        return self.running.client.request(method, path, headers=headers, **request)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    root = tmp_path_factory.mktemp("door")
    (root / "admin").write_text(ADMIN + "\n")
    with server(root / "data", admin_key_file=root / "admin", host="0.0.0.0") as running:
        running.client.base_url = httpx.URL(f"http://127.0.0.1:{running.client.base_url.port}")
        yield Door(running, root / "data")


def id_of(token: str) -> str:
    return token.split("_")[1]


def test_every_operation_has_its_scope_in_the_table() -> None:
    routes = {route.name for part in PARTS for route in part.router.routes}
    assert set(NEEDED) == routes
    assert {name for name, scopes in NEEDED.items() if scopes is None} == {
        "check_liveness",
        "check_readiness",
        "front_door",
    }
    for name in ("delete_person", "delete_face"):
        assert NEEDED[name] == ("delete",)
    assert NEEDED["read_backup"] == ("admin",)


def test_each_key_opens_what_the_document_declares_and_nothing_else(door: Door) -> None:
    keys = {scope: door.create(scope) for scope in SCOPES} | {"none": door.create("none")}
    revoked, expired = door.create("all"), door.create("all", expires="0s")
    door.keys("revoke", id_of(revoked))
    wrong = [None, "wrong", revoked, expired, keys["admin"][:-1], keys["admin"] + "x"]
    seen = 0
    for method, path, operation in _operations(door):
        allowed = [set(role) for each in operation["security"] for role in each.values()]
        for scope, token in keys.items():
            status = door.ask(token, method, path).status_code
            mine = set() if scope == "none" else {scope}
            may = not allowed or any(role <= mine for role in allowed)
            assert (status != 403) is may, (method, path, scope, status)
            assert status != 401
            seen += 1
        for token in wrong:
            status = door.ask(token, method, path).status_code
            assert (status == 401) is bool(allowed), (method, path, token, status)
    assert seen >= 8 * len(NEEDED) - 8


def _operations(door: Door) -> Iterator[tuple[str, str, dict[str, Any]]]:
    document = door.running.client.get("/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"ApiKey", "Bearer"}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = set(operation["responses"])
            assert ("401" in answers) is bool(operation["security"])
            yield method.upper(), re.sub(r"\{\w+\}", "nobody", path), operation


def test_a_refusal_says_what_to_do(door: Door) -> None:
    for token in (None, "wrong"):
        answer = door.ask(token)
        assert problem(answer) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    narrow = door.create("verify")
    answer = door.ask(narrow, "DELETE", "/collections/default/persons/x")
    assert problem(answer) == (403, "forbidden")
    assert "scope delete" in answer.json()["detail"]
    assert narrow not in answer.text


def test_a_key_is_taken_from_either_header(door: Door) -> None:
    ask = door.running.client.get
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {ADMIN}"}
        assert ask("/models", headers=headers).status_code == 200
    assert ask("/models", headers={"Authorization": f"Basic {ADMIN}"}).status_code == 401
    assert ask("/models", headers={"X-API-Key": ""}).status_code == 401
    assert ask("/models", headers={b"X-API-Key": b"\xff\xfe"}).status_code == 401


def test_an_address_nobody_knows_tells_a_stranger_nothing(door: Door) -> None:
    assert problem(door.ask(None, "GET", "/nowhere")) == (401, "unauthenticated")
    assert door.ask(None, "HEAD", "/models").status_code == 401
    assert problem(door.ask(ADMIN, "GET", "/nowhere")) == (404, "not-found")
    for path in ("/livez", "/readyz", "/openapi.json", "/docs"):
        assert door.ask(None, "GET", path).status_code == 200


def test_keys_are_made_rotated_and_revoked_while_the_service_runs(door: Door) -> None:
    first = door.create("embed")
    send = {"content": photographs.astronaut(), "headers": JPEG}
    assert door.ask(first, "POST", "/detect", **send).status_code == 200
    second = door.keys("rotate", id_of(first), "--grace", "1h").splitlines()[0]
    assert [door.ask(each, "POST", "/detect").status_code for each in (first, second)] == [415] * 2
    third = door.keys("rotate", id_of(first)).splitlines()[0]
    statuses = [door.ask(each, "POST", "/detect").status_code for each in (first, second, third)]
    assert statuses == [401, 401, 415]
    door.keys("revoke", id_of(first))
    assert door.ask(third, "POST", "/detect").status_code == 401
    assert first not in door.keys("list", "--json")


def test_a_strangers_body_is_not_read(door: Door) -> None:
    size = 60_000_000
    with connected(door.running) as announcing:
        announcing.sendall(_head(size))  # not a byte of the body, nor will there be one
        answer = received(announcing)
    assert problem(answer) == (401, "unauthenticated")
    assert answer.headers["connection"] == "close"
    with socket.socket() as sending:
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        url = door.running.client.base_url
        sending.connect((url.host, url.port))
        before = _read(door.running)
        sent = _pushed(sending, _head(size), size)
        taken = _read(door.running) - before
    assert sent < size / 10  # what two kernels buffer
    assert taken < 2 * 65_536 + 4096  # uvicorn has a piece in hand when it is told to stop


def _head(size: int) -> bytes:
    lines = ["POST /embed HTTP/1.1", "Host: x", "Content-Type: image/jpeg"]
    return "\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode()


def _pushed(sending: socket.socket, head: bytes, size: int) -> int:
    """Sends a body until nobody takes it any more; how much went out."""
    sending.sendall(head)
    sent = 0
    try:
        while sent < size:
            sent += sending.send(bytes(4096))
    except (ConnectionResetError, BrokenPipeError):
        pass
    return sent


def _read(running: Server) -> int:
    """Bytes that the server's process has read so far, from sockets, too."""
    lines = Path(f"/proc/{running.process.pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def test_refusals_are_counted_and_logged_without_the_key(door: Door) -> None:
    token, guess = door.create("verify"), "afk_guess_" + secrets.token_urlsafe(32)
    for _ in range(50):
        assert door.ask(guess).status_code == 401
        assert door.ask(token[:-1] + "!").status_code == 401
    log = door.running.log.read_text()
    lines = [line for line in log.splitlines() if "refused for their access keys" in line]
    assert 1 <= len(lines) < 50
    assert guess not in log
    assert token[:-1] not in log
    assert ADMIN not in log
    metrics = door.ask(ADMIN, "GET", "/metrics").text
    count = re.search(r'refused_total\{reason="unauthenticated"\} (\S+)', metrics)
    assert count is not None
    assert float(count[1]) >= 100


def test_the_commands_send_the_key_they_are_given(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = ["--url", str(door.running.client.base_url)]
    (tmp_path / "key").write_text(door.create("all") + "\n")
    (tmp_path / "empty").touch()
    key = ["--key-file", str(tmp_path / "key")]
    people = tmp_path / "people" / "eileen"
    people.mkdir(parents=True)
    (people / "1.jpg").write_bytes(photographs.astronaut())
    export = ["export", "default", str(tmp_path / "out"), *url]
    for arguments in (
        ["enroll", str(people.parent), *url, *key],
        [*export, *key],
        ["import", str(tmp_path / "out"), *url, *key],
        ["backup", str(tmp_path / "backup"), *url, *key],
    ):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
    refused = CliRunner().invoke(app, ["backup", str(tmp_path / "again"), *url])
    assert refused.exit_code == 1
    assert "X-API-Key" in refused.output
    empty = CliRunner().invoke(app, [*export, "--key-file", str(tmp_path / "empty")])
    assert "empty" in empty.output
    monkeypatch.setenv("ADAFACE_API_KEY", ADMIN)
    assert CliRunner().invoke(app, ["backup", str(tmp_path / "again"), *url]).exit_code == 0


def test_without_a_key_it_listens_to_this_machine_only(tmp_path: Path) -> None:
    refused = command("serve", data_dir=tmp_path / "data", host="0.0.0.0", port=0)
    assert refused.returncode == 1
    [line] = refused.stderr.strip().splitlines()
    assert "There is no access key, and 0.0.0.0 is not this machine alone" in line
    (tmp_path / "short").write_text("password\n")
    with pytest.raises(StartupError, match="32 ASCII characters") as short:
        open_access(Settings(data_dir=tmp_path / "data", admin_key_file=tmp_path / "short"))
    assert "password" not in str(short.value)


def test_it_says_that_everybody_on_this_machine_may_do_everything(running: Server) -> None:
    assert "everybody on this machine may do everything" in running.log.read_text()


def test_it_says_that_everybody_may_do_everything(tmp_path: Path) -> None:
    settings = {"host": "0.0.0.0", "allow_anonymous": True}
    with server(tmp_path / "data", **settings) as running:
        assert "everybody who reaches 0.0.0.0 may do everything" in running.log.read_text()
        door = Door(running, tmp_path / "data")
        running.client.base_url = httpx.URL(f"http://127.0.0.1:{running.client.base_url.port}")
        assert door.ask(None).status_code == 200
        token = door.create("none")
        assert [door.ask(each).status_code for each in (None, token)] == [401, 200]
