"""What the log tells of each request, and what it never does."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import secrets
import subprocess
import sys
import threading
import time
import types
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from service import writer
from service.app import create_app
from service.cli.commands import app as commands
from service.documents import ROOT
from service.logs import Json
from service.middleware.identity import identified
from service.runtime import open_runtime
from service.settings import Settings
from tests import photographs
from tests.service.serving import ADAFACE, PATIENCE, Server, environment, server
from tests.service.wire import connected, received

JPEG = {"Content-Type": "image/jpeg"}
UPGRADE = (
    b"GET /models HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n"
)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
LINE = {"time", "level", "message", "request_id", "method", "route", "status", "ms", "faces"}


def lines(running: Server, request_id: str) -> list[dict[str, Any]]:
    """The log's lines of one request; the one of its answer is written right after it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = [line for line in running.log.read_text().splitlines() if request_id in line]
        if found:
            return [json.loads(line) for line in found]
        time.sleep(0.02)
    raise AssertionError(f"no line of {request_id}")


def test_a_request_is_one_line_of_json(running: Server) -> None:
    named = secrets.token_hex(8)
    answer = running.client.post(
        "/embed", content=photographs.group(), headers={**JPEG, "X-Request-ID": named}
    )
    assert len(answer.json()["faces"]) == 6
    [line] = lines(running, named)
    assert line.keys() == LINE
    assert line["request_id"] == named
    assert (line["method"], line["route"], line["status"]) == ("POST", "/embed", 200)
    assert line["faces"] == 6
    assert line["ms"] > 0
    assert line["level"] == "info"


def test_faces_of_all_images_of_a_request_are_counted(running: Server) -> None:
    files = [("images", photographs.group()), ("images", photographs.astronaut())]
    named = secrets.token_hex(8)
    running.client.post("/embed/batch", files=files, headers={"X-Request-ID": named})
    assert lines(running, named)[0]["faces"] == 7


def test_no_line_names_anybody_or_repeats_a_query(running: Server) -> None:
    secret = {name: secrets.token_hex(8) for name in ("collection", "person", "name", "query")}
    client, ids = running.client, []

    def ask(method: str, path: str, **request: Any) -> None:
        ids.append(secrets.token_hex(8))
        headers = {**request.pop("headers", {}), "X-Request-ID": ids[-1]}
        assert client.request(method, path, headers=headers, **request).status_code < 300

    ask("POST", "/collections", json={"id": secret["collection"]})
    person = {"id": secret["person"], "name": secret["name"], "metadata": {"x": secret["query"]}}
    ask("POST", f"/collections/{secret['collection']}/persons", json=person)
    faces = f"/collections/{secret['collection']}/persons/{secret['person']}/faces"
    ask("POST", faces, content=photographs.astronaut(), headers=JPEG)
    wanted = {"collection": secret["collection"], "metadata": json.dumps({"x": secret["query"]})}
    ask("POST", "/identify", content=photographs.astronaut(), headers=JPEG, params=wanted)
    written = [line for each in ids for line in lines(running, each)]
    assert len(written) == len(ids)
    assert written[2]["route"] == "/collections/{collection}/persons/{person}/faces"
    told = running.log.read_text()
    assert not [each for each in secret.values() if each in told]
    metrics = client.get("/metrics").text
    assert not [each for each in secret.values() if each in metrics]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Request-ID": "order-66:a/b+c="}, "order-66:a/b+c="),
        ({"traceparent": PARENT}, TRACE),
        ({"traceparent": f"01-{TRACE}-00f067aa0ba902b7-00-later"}, TRACE),
        ({"X-Request-ID": "mine", "traceparent": PARENT}, "mine"),
        ({"X-Request-ID": "two words", "traceparent": PARENT}, TRACE),
    ],
)
def test_the_id_is_the_callers(
    client: httpx.Client, headers: dict[str, str], expected: str
) -> None:
    assert client.get("/livez", headers=headers).headers["x-request-id"] == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Request-ID": ""},
        {"X-Request-ID": "x" * 129},
        {"X-Request-ID": "a\tb"},
        {"X-Request-ID": "{}"},
        {"traceparent": f"ff-{TRACE}-00f067aa0ba902b7-01"},
        {"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"},
        {"traceparent": f"00-{TRACE}-{'0' * 16}-01"},
        {"traceparent": f"{PARENT}-more"},
        {"traceparent": PARENT.upper()},
        {"traceparent": PARENT[:-1]},
    ],
)
def test_an_id_that_will_not_do_is_replaced(client: httpx.Client, headers: dict[str, str]) -> None:
    told = client.get("/livez", headers=headers).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", told)
    assert told != TRACE


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_whatever_is_sent_an_id_can_be_written(given_id: bytes, parent: bytes) -> None:
    scope = {"headers": [(b"x-request-id", given_id), (b"traceparent", parent)]}
    assert re.fullmatch(r"[A-Za-z0-9._:/+=-]{1,128}", identified(scope))


def test_keys_are_told_by_their_ids_and_strangers_do_not_fill_the_log(tmp_path: Path) -> None:
    admin = secrets.token_hex(32)
    (tmp_path / "admin").write_text(admin)
    with server(tmp_path / "data", admin_key_file=tmp_path / "admin") as running:
        made = CliRunner().invoke(
            commands,
            ["keys", "create", "Doe", "--scope", "embed", "--data-dir", str(tmp_path / "data")],
        )
        token = made.stdout.split()[0]
        for key, named in ((admin, "by-the-file"), (token, "by-the-key")):
            headers = {"X-API-Key": key, "X-Request-ID": named}
            assert running.client.get("/models", headers=headers).status_code == 200
        for n in range(30):
            headers = {"X-API-Key": "wrong", "X-Request-ID": f"stranger-{n}"}
            assert running.client.get("/models", headers=headers).status_code == 401
        for path in ("/livez", "/readyz", "/docs", "/openapi.json"):
            assert running.client.get(path).status_code == 200
        assert running.client.post("/docs").status_code == 405
        for rude in (b"no HTTP\r\n\r\n", UPGRADE):
            with connected(running) as connection:
                connection.sendall(rude)
                assert received(connection).status_code in {400, 401}
        assert lines(running, "by-the-file")[0]["key"] == "0" * 12
        assert lines(running, "by-the-key")[0]["key"] == token.split("_")[1]
        log = running.log.read_text()
    assert log.count("refused for their access keys") == 1
    assert log.count("stranger-") == 1  # in that one
    assert {json.loads(line).get("route") for line in log.splitlines()} == {None, "/models"}
    assert not [each for each in ("livez", "Invalid HTTP", "upgrade") if each in log]
    assert not [each for each in (admin, token, token.split("_")[2], "Doe") if each in log]


def test_a_flood_that_is_refused_fills_no_log(tmp_path: Path) -> None:
    picture = photographs.portrait()
    with server(tmp_path / "data", max_wait_seconds=0.001) as running:

        def ask(number: int) -> int:
            headers = {**JPEG, "X-Request-ID": f"flood-{number}"}
            return running.client.post("/embed", content=picture, headers=headers).status_code

        with ThreadPoolExecutor(40) as pool:
            statuses = Counter(pool.map(ask, range(120)))
        log = running.log.read_text()
    assert set(statuses) == {200, 503}
    assert log.count("flood-") <= statuses[200] + 1
    assert log.count("refused for overload") == 1


def test_on_a_terminal_lines_are_for_people(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    settings = environment(port=0, data_dir=tmp_path / "data")
    process = subprocess.Popen([*ADAFACE, "serve"], stdout=theirs, stderr=theirs, env=settings)
    os.close(theirs)
    told = ""
    while " serves " not in told:
        told += os.read(ours, 65536).decode()
    process.terminate()
    assert process.wait(PATIENCE) == 0
    os.close(ours)
    assert re.search(r"^\d{4}-\d\d-\d\d [0-9:,]+ WARNING no access key", told, re.MULTILINE)
    assert "{" not in told


@contextmanager
def inside(application: FastAPI) -> Iterator[httpx.Client]:
    """A real HTTP server over an application, in a thread, with a client for it."""
    config = uvicorn.Config(application, port=0, log_config=None, access_log=False)
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run)
    thread.start()
    while not serving.started:
        time.sleep(0.02)
    port = serving.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
        yield client
    serving.should_exit = True
    thread.join()


def fails() -> None:
    raise ZeroDivisionError("a fault")


def fails_halfway() -> StreamingResponse:
    def halves() -> Iterator[bytes]:
        yield b"the first half"
        fails()

    return StreamingResponse(halves())


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service with two faults in it."""
    with open_runtime(Settings(data_dir=tmp_path_factory.mktemp("faulty"))) as runtime:
        application = create_app(runtime)
        application.add_api_route("/fails", fails)
        application.add_api_route("/fails/halfway", fails_halfway)
        with inside(application) as client:
            yield client


def written(record: Any) -> dict[str, Any]:
    return json.loads(Json().format(record))


def test_a_fault_is_answered_counted_and_logged_under_one_id(
    faulty: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = faulty.get("/fails", headers={"X-Request-ID": "faulty"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "faulty"
    assert answer.json()["request_id"] == "faulty"
    assert answer.json()["type"] == "urn:problem:service-error"
    assert "ZeroDivisionError" not in answer.text
    [failure] = [each for each in caplog.records if each.exc_info]
    assert "ZeroDivisionError: a fault" in written(failure)["exception"]
    count = 'route="/fails",status="500"} 1.0'
    assert count in faulty.get("/metrics").text


def test_half_an_answer_is_cut_off_and_not_passed_off_as_a_whole(faulty: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        faulty.get("/fails/halfway")
    assert faulty.get("/livez").status_code == 200


PROGRAM = """
import asyncio, logging, sys
from service import logs
from service.exchange import Exchange, begin

async def request(name):
    begin(Exchange(name))
    await asyncio.sleep(0)
    await asyncio.to_thread(logging.getLogger("service").info, "from %s", name)

async def main():
    await asyncio.gather(request("one"), request("two"))
    logging.getLogger("service").info("from nobody")

logs.configure("info", sys.argv[1])
asyncio.run(main())
"""


def told(form: str) -> list[str]:
    """The lines that PROGRAM writes."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, form], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return ran.stdout.splitlines()


def test_what_is_done_for_a_request_is_logged_with_its_id() -> None:
    *asked, unasked = [json.loads(line) for line in told("auto")]
    assert sorted(each["message"] for each in asked) == ["from one", "from two"]
    assert all(each["message"] == f"from {each['request_id']}" for each in asked)
    assert "request_id" not in unasked


def test_lines_for_people_have_it_too_and_can_be_asked_for() -> None:
    *asked, unasked = told("text")
    assert all(re.search(r" INFO from (\w+) request_id=\1$", line) for line in asked)
    assert unasked.endswith(" INFO from nobody")


def test_a_log_that_nobody_reads_does_not_stop_the_service(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    started = subprocess.Popen(
        [*ADAFACE, "serve"], env=environment(data_dir=tmp_path / "data", port=0), stdout=writing
    )
    os.close(writing)
    try:
        said = b""
        while not (found := re.search(rb"http://([\d.]+:\d+) serves", said)):
            said += os.read(reading, 4096)
        with httpx.Client(base_url=f"http://{found[1].decode()}", timeout=PATIENCE) as asking:
            for _ in range(1000):
                assert asking.get("/models").status_code == 200
            os.close(reading)
            assert asking.get("/models").status_code == 200
    finally:
        started.terminate()
        assert started.wait(PATIENCE) == 0


def test_what_finds_no_room_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CAPACITY", 5)
    stream, stalled = io.StringIO(), threading.Event()
    stalling = types.SimpleNamespace(
        write=lambda text: (stalled.wait(PATIENCE), stream.write(text)), flush=lambda: None
    )
    handler = writer.Writer(stalling)
    handler.setFormatter(Json())
    for number in range(20):
        handler.handle(logging.makeLogRecord({"msg": f"line {number}"}))
    stalled.set()
    handler.close()
    handler.handle(logging.makeLogRecord({"msg": "after its end"}))
    told = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    dropped = [each for each in told if "dropped" in each]
    assert len(dropped) == 1
    assert int(dropped[0].split()[0]) + len(told) - 1 == 20


def test_a_name_that_is_no_utf_8_is_still_a_line() -> None:
    line = Json().format(logging.makeLogRecord({"msg": "no \udcff here"}))
    assert json.loads(line)["message"] == "no \\udcff here"
