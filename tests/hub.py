"""A Hugging Face hub and a GitHub on this machine, as far as `adaface models pull` asks them.

The hub's protocol, as huggingface_hub 1.33 speaks it: HEAD of /REPOSITORY/resolve/REVISION/PATH
answers X-Repo-Commit and ETag; for a large file it redirects to another host, with X-Linked-ETag
(its sha256) and X-Linked-Size. X-Error-Code tells a 404 or a 401 apart. Files are served in ranges.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LARGE = (".safetensors", ".pt", ".zip")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Asked:
    method: str
    path: str
    range: str | None
    authorization: str | None


@dataclass
class Hub:
    """Files by their path of the server; what was asked; how the next answers go wrong."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    cut_after: int | None = None  # bytes of each answer with a large file, then the line is cut
    silent: bool = False  # the line is cut before the first byte
    gated: bool = False
    sent: int = 0  # bytes of large files
    served: dict[str, bytes] = field(default_factory=dict)  # in place of what is said
    sizes: dict[str, int] = field(default_factory=dict)  # what the hub says, where it is not so
    url: str = ""

    def publish(self, repository: str, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            self.files[f"/{repository}/{name}"] = content

    def ranges(self, suffix: str) -> list[str | None]:
        """The Range of each GET of a file."""
        return [e.range for e in self.asked if e.method == "GET" and e.path.endswith(suffix)]


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        hub: Hub = self.server.hub
        hub.asked.append(
            Asked(self.command, self.path, self.headers["Range"], self.headers["Authorization"])
        )
        parts = re.fullmatch(r"(/[^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if parts is None:
            self._file(hub, self.path.removeprefix("/cdn"), body)
        elif hub.gated:
            self._refuse(401, "GatedRepo")
        elif not any(name.startswith(parts[1] + "/") for name in hub.files):
            self._refuse(401, "RepoNotFound")
        elif f"{parts[1]}/{parts[3]}" not in hub.files:
            self._refuse(404, "EntryNotFound")
        else:
            self._resolve(hub, f"{parts[1]}/{parts[3]}", body)

    def _resolve(self, hub: Hub, name: str, body: bool) -> None:
        if not name.endswith(LARGE):
            self._file(hub, name, body)
            return
        self.send_response(302)
        self.send_header("X-Repo-Commit", COMMIT)
        digest = hashlib.sha256(hub.files[name]).hexdigest()
        self.send_header("X-Linked-ETag", f'"{digest}"')
        self.send_header("X-Linked-Size", str(hub.sizes.get(name, len(hub.files[name]))))
        self.send_header("Location", hub.url.replace("127.0.0.1", "localhost") + f"/cdn{name}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, hub: Hub, name: str, body: bool) -> None:
        if name not in hub.files:
            self._refuse(404, "EntryNotFound")
            return
        content, start = hub.served.get(name, hub.files[name]), 0
        if found := re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or ""):
            start = int(found[1])
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()[:40]}"')
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if body:
            self._write(hub, name, content[start:])

    def _write(self, hub: Hub, name: str, content: bytes) -> None:
        if not name.endswith(LARGE) or (hub.cut_after is None and not hub.silent):
            self.wfile.write(content)
            hub.sent += len(content) if name.endswith(LARGE) else 0
            return
        if not hub.silent:
            self.wfile.write(content[: hub.cut_after])
            hub.sent += len(content[: hub.cut_after])
            hub.silent = True  # nobody gets further before the next attempt of a person
        self.close_connection = True

    def _refuse(self, status: int, code: str) -> None:
        text = json.dumps({"error": code}).encode()
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(text)


@contextmanager
def hub() -> Iterator[Hub]:
    """A running server; its files are put in by the test."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    made = Hub(url=f"http://127.0.0.1:{server.server_address[1]}")
    server.hub = made  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def catalogue(path: Path, *, detector: Any = None, **entry: Any) -> Path:
    """Writes a catalogue of a recognizer `tiny` of the repository `authors/tiny`, and a `detector`."""
    wanted = {"name": "tiny", "architecture": "ir_starter", "training_data": ["invented"]}
    wanted |= {"license": "own", "repository": "authors/tiny", "revision": "main"}
    wanted |= {"weights": [{"path": "model.safetensors"}, {"path": "pretrained_model/model.pt"}]}
    text = '[licenses.own]\nname = "own"\nurl = "http://x"\ntext = "Only for tests."\n'
    text += _table("recognizers", wanted | entry)
    if detector is not None:
        own = {"name": "seeing", "training_data": ["invented"], "license": "own"}
        text += _table("detectors", own | detector)
    path.write_text(text)
    return path


def _table(name: str, values: dict[str, Any]) -> str:
    return f"[[{name}]]\n" + "".join(f"{key} = {_toml(each)}\n" for key, each in values.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
