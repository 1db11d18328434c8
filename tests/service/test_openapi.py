"""The OpenAPI document says what a client needs to know: every field, range, example and link."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from service.documents import ROOT
from service.routes.links import LINKS
from service.routes.scopes import NEEDED

Json = dict[str, Any]
DOCUMENT: Json = json.loads((ROOT / "openapi.json").read_text())
SCHEMAS: Json = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, Json] = {
    operation["operationId"]: operation
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
}
PHOTOGRAPHS = {"image/jpeg", "image/png", "image/webp", "application/octet-stream"}
LOWEST, HIGHEST = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")


def resolved(schema: Json) -> Json:
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def numbers(schema: Json) -> Iterator[Json]:
    """All numbers that a field may hold, but not those of objects with fields of their own."""
    for alternative in (*schema.get("anyOf", ()), *schema.get("prefixItems", ())):
        yield from numbers(alternative)
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from numbers(schema[inner])
    if schema.get("type") in {"integer", "number"} and not {"enum", "const"} & schema.keys():
        yield schema


def unlimited(schema: Json) -> list[Json]:
    """The numbers without a range and without a sentence that says why there is none."""
    return [
        each
        for each in numbers(schema)
        if not each.keys() & {*LOWEST, "x-no-minimum"}
        or not each.keys() & {*HIGHEST, "x-no-maximum"}
    ]


def valid(schema: Json, value: Any) -> None:
    whole = schema | {"components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(whole, validate_formats=True).validate(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_described_with_its_range(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema.get("description") or "enum" in schema, name
    for field, told in schema.get("properties", {}).items():
        assert len(told.get("description", "") or resolved(told)["description"]) > 3, field
        assert unlimited(told) == [], field


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_and_its_parameters_are_described(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["description"]
    for parameter in operation.get("parameters", ()):
        assert parameter["description"], parameter["name"]
        assert unlimited(parameter["schema"]) == [], parameter["name"]
    for status, answer in operation["responses"].items():
        assert answer["description"], status


def test_operation_ids_are_short_and_those_of_the_table_of_scopes() -> None:
    assert set(OPERATIONS) == set(NEEDED) - {"front_door"}
    assert max(map(len, OPERATIONS)) <= 20


def test_images_come_as_they_are_in_a_form_or_in_json() -> None:
    for name in ("detect_faces", "embed_faces", "identify_faces", "enroll_face", "supply_crop"):
        content = OPERATIONS[name]["requestBody"]["content"]
        assert set(content) == {*PHOTOGRAPHS, "multipart/form-data", "application/json"}
        assert content["image/png"]["schema"]["format"] == "binary"
        assert content["multipart/form-data"]["schema"]["properties"]["image"]["description"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_json_body_and_answer_has_an_example_that_fits(name: str) -> None:
    operation = OPERATIONS[name]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    status = max(status for status in operation["responses"] if status < "300")
    answer = operation["responses"][status].get("content", {}).get("application/json")
    for content in filter(None, [body, answer]):
        assert content["examples"]
        for example in content["examples"].values():
            valid(content["schema"], example["value"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_problem_has_an_example_that_fits(name: str) -> None:
    for status, answer in OPERATIONS[name]["responses"].items():
        for slug, example in _problems(answer).items():
            valid(SCHEMAS["Problem"], example["value"])
            assert example["value"]["type"] == f"urn:problem:{slug}"
            assert example["value"]["status"] == int(status)


def _problems(answer: Json) -> Json:
    found: Json = answer.get("content", {}).get("application/problem+json", {"examples": {}})
    return found["examples"]


def test_every_error_of_a_keyed_operation_is_a_problem_document() -> None:
    for name, operation in OPERATIONS.items():
        for status, answer in operation["responses"].items():
            if status >= "400" and name not in {"check_liveness", "check_readiness"}:
                assert set(answer["content"]) == {"application/problem+json"}, (name, status)
                assert _problems(answer), (name, status)


@pytest.mark.parametrize("name", LINKS)
def test_a_link_leads_to_an_operation_and_gives_what_its_address_needs(name: str) -> None:
    status, links = LINKS[name]
    told = OPERATIONS[name]["responses"][status]["links"]
    assert len(told) == len(links)
    for link in told.values():
        target = OPERATIONS[link["operationId"]]
        parameters = target["parameters"]
        assert set(link["parameters"]) <= {each["name"] for each in parameters}
        needed = {each["name"] for each in parameters if each["in"] == "path"}
        assert needed <= set(link["parameters"])
        for where in link["parameters"].values():
            _exists(name, status, where)


def _exists(name: str, status: str, where: str) -> None:
    """Fails unless what a link reads is declared."""
    operation = OPERATIONS[name]
    if where.startswith("$request.path."):
        assert where.removeprefix("$request.path.") in {e["name"] for e in operation["parameters"]}
    elif where.startswith("$response.header."):
        header = where.removeprefix("$response.header.")
        assert header in operation["responses"][status]["headers"]
    else:
        schema = operation["responses"][status]["content"]["application/json"]["schema"]
        for part in where.removeprefix("$response.body#/").split("/"):
            known = resolved(schema)
            schema = known["items"] if part.isdigit() else known["properties"][part]


def test_security_names_both_ways_to_send_a_key() -> None:
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"ApiKey", "Bearer"}
    assert DOCUMENT["openapi"].startswith("3.1")
