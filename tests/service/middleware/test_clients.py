"""Clients that are slow, large, impatient or gone: a real server and hand-written requests."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests import images, photographs
from tests.service.serving import Server, problem, server
from tests.service.wire import closed, connected, head, metric, received, settles

MANY, ROOM, CLIENT_SECONDS = 140_000, 200_000, 1.0
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with little room and little patience."""
    with server(
        tmp_path_factory.mktemp("strict") / "data",
        max_body_bytes=MANY,
        max_body_bytes_in_flight=ROOM,
        client_seconds=CLIENT_SECONDS,
    ) as running:
        yield running


def test_a_body_that_stops_is_given_up(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(head(1000) + b"half")
        assert problem(received(connection)) == (408, "request-timeout")


def test_a_body_that_trickles_is_given_up_although_it_never_stops(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(head(1000))
        connection.settimeout(0.1)
        for _ in range(200):
            connection.sendall(b"x")
            try:
                assert connection.recv(1, socket.MSG_PEEK)
                break
            except TimeoutError:
                continue
        connection.settimeout(30)
        assert problem(received(connection)) == (408, "request-timeout")


def test_headers_that_do_not_come_end_the_connection(strict: Server) -> None:
    with connected(strict) as silent, connected(strict) as slow, connected(strict) as empty:
        slow.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        empty.sendall(b"\r\n")
        answered = received(slow)
        assert answered.status_code == 408
        assert answered.json()["type"] == "urn:problem:request-timeout"
        assert closed(slow)
        assert silent.recv(1) == b""
        assert closed(empty)


def test_endless_headers_are_not_collected(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nX-Long: ")
        with pytest.raises((AssertionError, ConnectionError)):  # noqa: PT012 - until it is cut
            for _ in range(1000):
                connection.sendall(b"x" * 10_000)
            assert received(connection).status_code != 431


def test_what_is_not_http_gets_a_problem_document(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(b"hello\r\n\r\n")
        answered = received(connection)
    assert answered.status_code == 400
    assert answered.headers["content-type"] == "application/problem+json"


def test_a_client_that_does_not_read_is_cut_off(strict: Server) -> None:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    url = strict.client.base_url
    connection.connect((url.host, url.port))
    connection.settimeout(30)
    size = len(strict.client.get("/openapi.json").content)
    asked = 20_000_000 // size  # more than the kernel takes
    connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * asked)
    time.sleep(2 * CLIENT_SECONDS + 1.5)
    taken = 0
    with connection:
        try:
            while some := connection.recv(1_000_000):
                taken += len(some)
        except ConnectionResetError:
            pass
    assert taken < asked * size
    assert settles(strict, "http_server_active_requests", 0)


def test_a_large_body_is_refused_before_it_is_sent(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(head(50_000_000))
        answered = received(connection)
        assert problem(answered) == (413, "body-too-large")
        assert answered.headers["connection"] == "close"


def test_a_client_that_sends_on_can_read_why_it_was_refused(strict: Server) -> None:
    for size in (MANY + 1, 3_000_000):
        refused = strict.client.post("/embed", content=b"x" * size, headers=JPEG)
        assert problem(refused) == (413, "body-too-large")


def test_a_refused_body_may_still_come_and_the_connection_serves_on(strict: Server) -> None:
    size = 900_000
    with connected(strict) as connection:
        connection.sendall(head(size))
        assert problem(received(connection)) == (413, "body-too-large")
        for _ in range(9):
            connection.sendall(b"x" * (size // 9))
            time.sleep(0.02)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert received(connection).status_code == 200


@pytest.mark.parametrize("path", ["/embed", "/collections"])
def test_a_body_without_a_length_is_bounded_too(strict: Server, path: str) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 10_000

    kind = {"Content-Type": "application/json" if path == "/collections" else "image/jpeg"}
    refused = strict.client.post(path, content=pieces(), headers=kind)
    assert problem(refused) == (413, "body-too-large")


def test_bodies_of_all_requests_together_are_bounded(strict: Server) -> None:
    with connected(strict) as holder:
        holder.sendall(head(90_000) + b"x" * 80_000)
        assert settles(strict, "face_request_body_bytes", 80_000)
        refused = strict.client.post("/embed", content=b"x" * 130_000, headers=JPEG)
        assert problem(refused) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert strict.client.get("/collections").status_code == 200
        small = strict.client.post("/embed", content=images.png(), headers=JPEG)
        assert small.status_code == 200
    assert settles(strict, "face_request_body_bytes", 0)


def test_a_deadline_that_passes_is_answered(strict: Server) -> None:
    hurried = {**JPEG, "X-Deadline-Seconds": "0.0001"}
    late = strict.client.post("/embed", content=photographs.group(), headers=hurried)
    assert problem(late) == (504, "deadline-exceeded")
    relaxed = {**JPEG, "X-Deadline-Seconds": "3000"}
    answered = strict.client.post("/embed", content=photographs.portrait(), headers=relaxed)
    assert answered.status_code == 200


@pytest.mark.parametrize("given", ["soon", "0", "-1", "nan", "1e999x", ""])
def test_a_deadline_that_is_none_is_refused(strict: Server, given: str) -> None:
    headers = {**JPEG, "X-Deadline-Seconds": given}
    refused = strict.client.post("/embed", content=photographs.portrait(), headers=headers)
    assert problem(refused) == (422, "invalid-request")


def test_work_for_a_client_that_left_is_dropped(strict: Server) -> None:
    before = metric(strict, 'face_requests_refused_total{reason="disconnected"}')
    with connected(strict) as connection:
        connection.sendall(head(len(photographs.portrait())) + photographs.portrait()[:20_000])
        assert settles(strict, "http_server_active_requests", 1)
    assert settles(strict, "http_server_active_requests", 0)
    assert metric(strict, 'face_requests_refused_total{reason="disconnected"}') == before + 1
