"""Work that takes seconds, milliseconds, or the machine's spare time is not measured together."""

from __future__ import annotations

import pytest

from service.app import _routes, _taking_photographs
from service.middleware import Gates
from service.settings import Settings

GATES = Gates(Settings(), _taking_photographs(_routes()))


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("POST", "/embed", "photographs"),
        ("POST", "/detect?max_faces=1", "photographs"),
        ("POST", "/verify", "photographs"),
        ("POST", "/identify?collection=a", "photographs"),
        ("POST", "/collections/a/persons/b/faces", "photographs"),
        ("GET", "/collections/a/persons/b/faces", "others"),
        ("POST", "/embed?lane=bulk", "bulk"),
        ("POST", "/embed/batch", "bulk"),
        ("POST", "/detect/batch?lane=interactive", "photographs"),
        ("DELETE", "/collections/a/persons/b", "others"),
        ("POST", "/collections?lane=bulk", "others"),
        ("GET", "/embed", "others"),
        ("POST", "/no/such/path", "others"),
    ],
)
def test_each_kind_of_work_has_its_gate(method: str, target: str, name: str) -> None:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "headers": [],
        "query_string": query.encode(),
    }
    assert GATES(scope).name == name
