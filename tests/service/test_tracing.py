"""Traces, as a collector gets them from the running service."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from service.documents import ROOT
from tests import photographs
from tests.service.serving import command, server

JPEG = {"Content-Type": "image/jpeg"}
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STAGES = {"decode", "detect", "align", "embed"}


class Collector:
    """A collector of the OTLP protocol, which keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.log = ""  # of the service

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its address."""
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                received.append(self.rfile.read(int(self.headers["Content-Length"])))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
            thread = threading.Thread(target=listening.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{listening.server_port}"
            listening.shutdown()
            thread.join()

    def resources(self) -> list[Any]:
        sent = [ExportTraceServiceRequest.FromString(body) for body in self.received]
        return [each for request in sent for each in request.resource_spans]

    def spans(self) -> list[Span]:
        scopes = [scope for each in self.resources() for scope in each.scope_spans]
        return [span for scope in scopes for span in scope.spans]


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Collector:
    """What it got of a service that was asked four things and stopped."""
    kept = Collector()
    with pytest.MonkeyPatch.context() as patched, kept.running() as address:
        patched.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        with server(tmp_path_factory.mktemp("traced") / "data") as running:
            client = running.client
            sent = {**JPEG, "traceparent": f"00-{TRACE}-{PARENT}-01"}
            group = client.post("/embed", content=photographs.group(), headers=sent)
            assert group.status_code == 200
            persons = client.post("/collections/default/persons", json={"id": "nobodys-name"})
            assert persons.status_code == 201
            search = client.post("/identify", content=photographs.astronaut(), headers=JPEG)
            assert search.status_code == 200
            absent = client.get("/collections/nobodys-name/persons/nobodys-name?name=nobodys-name")
            assert absent.status_code == 404
            assert running.stop() == 0  # which sends what is left
        kept.log = running.log.read_text()
    return kept


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: each.value.int_value or each.value.string_value for each in span.attributes}


def trace(spans: list[Span], route: str) -> tuple[Span, list[Span]]:
    """The span of the one request of that route, and those below it."""
    [root] = [span for span in spans if span.name == route]
    return root, [span for span in spans if span.parent_span_id == root.span_id]


def test_a_request_goes_on_with_the_trace_of_its_caller(collector: Collector) -> None:
    root, stages = trace(collector.spans(), "POST /embed")
    assert root.trace_id.hex() == TRACE
    assert root.parent_span_id.hex() == PARENT
    assert root.kind == Span.SPAN_KIND_SERVER
    assert attributes(root) == {
        "http.request.method": "POST",
        "http.route": "/embed",
        "http.response.status_code": 200,
    }
    assert {span.name for span in stages} == STAGES


def test_the_log_names_the_trace(collector: Collector) -> None:
    lines = [json.loads(line) for line in collector.log.splitlines() if "/embed" in line]
    assert [line["trace_id"] for line in lines] == [TRACE]


def test_stages_lie_within_their_request_and_follow_each_other(collector: Collector) -> None:
    root, stages = trace(collector.spans(), "POST /identify")
    assert {span.name for span in stages} == STAGES | {"search"}
    order = sorted(stages, key=lambda span: span.start_time_unix_nano)
    assert [span.name for span in order if span.name != "decode"] == [
        "detect",
        "align",
        "embed",
        "search",
    ]
    assert order[0].name == "decode"
    for span in stages:
        assert root.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
    assert {span.trace_id for span in stages} == {root.trace_id}


def test_every_span_is_of_a_request(collector: Collector) -> None:
    spans = collector.spans()
    requests = [span for span in spans if span.kind == Span.SPAN_KIND_SERVER]
    assert len(requests) == 4  # none is for what the service asks itself
    ids = {span.span_id for span in requests}
    assert all(span.parent_span_id in ids for span in spans if span not in requests)


def test_nobody_is_named_and_no_query_repeated(collector: Collector) -> None:
    assert collector.received
    assert not [body for body in collector.received if b"nobodys-name" in body]
    failed = [span for span in collector.spans() if attributes(span).get("http.route") is None]
    assert all(not span.events for span in collector.spans())
    missing, _ = trace(collector.spans(), "GET /collections/{collection}/persons/{person}")
    assert attributes(missing)["http.response.status_code"] == 404
    assert missing.status.code == Status.STATUS_CODE_UNSET  # the caller's mistake, not ours
    assert {span.name for span in failed} <= STAGES | {"search"}


def test_the_service_says_who_it_is(collector: Collector) -> None:
    for each in collector.resources():
        told = {named.key: named.value.string_value for named in each.resource.attributes}
        assert told["service.name"] == "adaface-service"


def test_off_it_does_not_even_load_the_sdk() -> None:
    code = (
        "import sys; from service import server, tracing\n"
        "with tracing.running({}): assert tracing.here() is None and tracing.trace_id() is None\n"
        "sys.exit('opentelemetry.sdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_an_exporter_nobody_knows_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "pigeon")
    ran = command("serve", data_dir=tmp_path / "data", port=0)
    assert ran.returncode == 1
    [line] = ran.stderr.splitlines()
    assert "'pigeon'" in line
    assert "requirements/image-cpu.txt" in line
