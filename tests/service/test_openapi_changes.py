"""The committed document is the service's, and what would break a generated client is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from service.documents import ROOT, openapi
from tests.service.compatibility import breaking

Json = dict[str, Any]


@cache
def committed() -> Json:
    document: Json = json.loads((ROOT / "openapi.json").read_text())
    return document


def test_the_document_is_the_one_committed_or_the_breaking_changes_are_named() -> None:
    served = openapi()
    named = "\n".join(breaking(committed(), json.loads(served)))
    same = (ROOT / "openapi.json").read_text() == served
    assert same, f"openapi.json is not the service's; run `make clients`\n{named}"


def test_nothing_breaks_from_a_document_to_itself() -> None:
    assert breaking(committed(), committed()) == []


def schema(document: Json, name: str) -> Json:
    found: Json = document["components"]["schemas"][name]
    return found


def rename_answer_field(document: Json) -> None:
    verification = schema(document, "Verification")
    verification["properties"]["score"] = verification["properties"].pop("similarity")
    verification["required"].remove("similarity")


def rename_request_field(document: Json) -> None:
    body = schema(document, "MergeBody")["properties"]
    body["person"] = body.pop("source")


def rename_nested_field(document: Json) -> None:
    box = schema(document, "BBox")["properties"]
    box["left"] = box.pop("x")


def rename_parameter(document: Json) -> None:
    for each in document["paths"]["/verify"]["post"]["parameters"]:
        each["name"] = each["name"].replace("fmr", "rate")


def require_a_field(document: Json) -> None:
    schema(document, "PersonBody").setdefault("required", []).append("name")


def require_a_new_parameter(document: Json) -> None:
    new = {"name": "purpose", "in": "query", "required": True, "schema": {"type": "string"}}
    document["paths"]["/embed"]["post"]["parameters"].append(new)


def drop_an_operation(document: Json) -> None:
    del document["paths"]["/models/{name}/card"]["get"]


def rename_an_operation(document: Json) -> None:
    document["paths"]["/embed"]["post"]["operationId"] = "embed"


def drop_a_media_type(document: Json) -> None:
    del document["paths"]["/embed"]["post"]["requestBody"]["content"]["multipart/form-data"]


def drop_an_answer(document: Json) -> None:
    del document["paths"]["/embed"]["post"]["responses"]["413"]


def narrow_an_enum(document: Json) -> None:
    for each in document["paths"]["/embed"]["post"]["parameters"]:
        if each["name"] == "embedding":
            each["schema"]["enum"] = ["float", "base64"]


def widen_an_enum(document: Json) -> None:
    schema(document, "Verification")["properties"]["decision"]["enum"].append("maybe")


def narrow_a_range(document: Json) -> None:
    for each in document["paths"]["/collections"]["get"]["parameters"]:
        if each["name"] == "limit":
            each["schema"]["maximum"] = 100


def change_a_type(document: Json) -> None:
    schema(document, "Faces")["properties"]["width"]["type"] = "string"


def let_be_null(document: Json) -> None:
    truncated = schema(document, "Faces")["properties"]["truncated"]
    truncated["anyOf"] = [{"type": truncated.pop("type")}, {"type": "null"}]


def let_be_missing(document: Json) -> None:
    schema(document, "Faces")["required"].remove("bundle")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            rename_answer_field,
            "breaking: POST /verify, answer 200, field similarity: is gone; new is score",
        ),
        (
            rename_request_field,
            (
                "breaking: POST /collections/{collection}/persons/{person}/merge, request, "
                "field source: is gone; new is person"
            ),
        ),
        (
            rename_nested_field,
            "breaking: POST /embed, answer 200, field faces.[].bbox.x: is gone; new is left",
        ),
        (rename_parameter, "breaking: POST /verify, parameter fmr: is gone; new is rate"),
        (
            require_a_field,
            "breaking: POST /collections/{collection}/persons, request, field name: is required now",
        ),
        (require_a_new_parameter, "breaking: POST /embed, parameter purpose: is required now"),
        (drop_an_operation, "breaking: GET /models/{name}/card: the operation is gone"),
        (rename_an_operation, "breaking: POST /embed: was embed_faces, is embed now"),
        (drop_a_media_type, "breaking: POST /embed, request: multipart/form-data is gone"),
        (drop_an_answer, "breaking: POST /embed, answer 413: is gone"),
        (
            narrow_an_enum,
            'breaking: POST /embed, parameter embedding: does not take "none" any more',
        ),
        (
            widen_an_enum,
            'breaking: POST /verify, answer 200, field decision: may be "maybe" now',
        ),
        (
            narrow_a_range,
            "breaking: GET /collections, parameter limit: maximum is 100 now, was 1000",
        ),
        (
            change_a_type,
            "breaking: POST /embed, answer 200, field width: was integer, is string now",
        ),
        (
            let_be_null,
            (
                "breaking: POST /embed, answer 200, field truncated: was boolean, "
                "is boolean or null now"
            ),
        ),
        (let_be_missing, "breaking: POST /embed, answer 200, field bundle: may be missing now"),
    ],
)
def test_a_breaking_change_is_named(change: Callable[[Json], None], sentence: str) -> None:
    changed = copy.deepcopy(committed())
    change(changed)
    assert sentence in breaking(committed(), changed)


def add_an_answer_field(document: Json) -> None:
    schema(document, "Faces")["properties"]["camera"] = {"type": "string"}
    schema(document, "Faces")["required"].append("camera")


def add_an_optional_field(document: Json) -> None:
    schema(document, "PersonBody")["properties"]["title"] = {"type": "string"}


def add_an_operation(document: Json) -> None:
    document["paths"]["/new"] = copy.deepcopy(document["paths"]["/livez"])


def widen_a_range(document: Json) -> None:
    for each in document["paths"]["/collections"]["get"]["parameters"]:
        if each["name"] == "limit":
            each["schema"]["maximum"] = 5000


def describe_otherwise(document: Json) -> None:
    schema(document, "Faces")["properties"]["width"]["description"] = "Wide."


@pytest.mark.parametrize(
    "change",
    [
        add_an_answer_field,
        add_an_optional_field,
        add_an_operation,
        widen_a_range,
        describe_otherwise,
    ],
)
def test_what_only_adds_breaks_nobody(change: Callable[[Json], None]) -> None:
    changed = copy.deepcopy(committed())
    change(changed)
    assert changed != committed()
    assert breaking(committed(), changed) == []
