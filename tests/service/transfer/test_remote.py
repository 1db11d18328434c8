"""What a command promises about a service that is slow, away or not itself."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.errors import TransferFailed
from service.transfer import remote
from service.transfer.remote import Refused, Remote

OVERLOADED = {"type": "urn:problem:overloaded", "detail": "Too many requests."}


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[str]:
    """The address of a service that gives these answers one after the other."""
    rest = iter(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = next(rest)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()
        assert next(rest, None) is None, "not all was asked for"


def asked(url: str) -> bytes:
    async def ask() -> bytes:
        async with Remote(url) as service:
            return (await service("GET", "/")).content

    return asyncio.run(ask())


def busy(seconds: str) -> tuple[int, dict[str, str], bytes]:
    return 503, {"Retry-After": seconds}, json.dumps(OVERLOADED).encode()


def test_a_busy_service_is_asked_again_when_it_says() -> None:
    with answering(busy("0"), busy("1"), (200, {}, b"done")) as url:
        assert asked(url) == b"done"


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", 0.5)
    with answering(busy("1"), busy("1")) as url, pytest.raises(Refused, match="Too many"):
        asked(url)


def test_a_503_that_does_not_say_when_is_final() -> None:
    with answering((503, {}, json.dumps(OVERLOADED).encode())) as url:
        with pytest.raises(Refused) as refused:
            asked(url)
        assert (refused.value.status, refused.value.slug) == (503, "overloaded")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"{}"])
def test_what_is_no_problem_document_is_told_by_its_status(body: bytes) -> None:
    with answering((502, {}, body)) as url, pytest.raises(TransferFailed, match="answered 502"):
        asked(url)
