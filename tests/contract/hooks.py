"""What schemathesis is told about this service: real photographs, and one stricter check."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, Response

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = json.loads((ROOT / "service" / "routes" / "examples.json").read_text())
PHOTOGRAPHS = [EXAMPLES["verify_faces"]["request"][side]["image"] for side in ("source", "target")]
EMBEDDING = EXAMPLES["embed_faces"]["response"]["faces"][0]["embedding"]
ROUTER = {"not-found", "method-not-allowed"}  # of addresses and methods that are no operations
# Where a schema has no words for a rule, the sentence that tells it.
UNSPEAKABLE = (
    "The cursor `after`",
    "metadata: Invalid JSON",
    "metadata: Input should be a valid dictionary",
    "Give either",
    "Send at least one image",
    "Send exactly one file",
    "source: give either",
    "target: give either",
    "expires_at: ",  # a date that the calendar lacks, or beyond the year 9999
    "settings: either",
    "A person cannot be merged with itself",
    "The face is that person's already",
    "The multipart form cannot be read",
)

images = st.sampled_from([base64.b64decode(each) for each in PHOTOGRAPHS]) | st.binary(max_size=64)
for kind in ("application/octet-stream", "image/jpeg", "image/png", "image/webp"):
    schemathesis.openapi.media_type(kind, images)
schemathesis.openapi.format("byte", st.sampled_from([*PHOTOGRAPHS, EMBEDDING, "bm8gaW1hZ2U="]))


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: Case, __: dict[str, Any]) -> None:
    """The collection `default` is emptied, not deleted; schemathesis would take it for a mistake."""
    deletes = case.operation.definition.raw["operationId"] == "delete_collection"
    if deletes and case.path_parameters.get("collection") == "default":
        case.path_parameters["collection"] = "nobody"


@schemathesis.serializer("application/zip")
def as_it_is(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.check
def a_request_that_fits_is_not_told_that_it_does_not(
    _: CheckContext, response: Response, case: Case
) -> bool | None:
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    if not positive or response.status_code != 422:
        return None
    told = response.json()
    if told["type"] == "urn:problem:invalid-request":
        assert told["detail"].startswith(UNSPEAKABLE), told["detail"]
    return None


@schemathesis.check
def a_cause_is_one_of_those_documented(
    _: CheckContext, response: Response, case: Case
) -> bool | None:
    if not response.headers.get("content-type", [""])[0].startswith("application/problem+json"):
        return None
    cause = response.json()["type"].removeprefix("urn:problem:")
    if cause not in ROUTER:
        told = case.operation.definition.raw["responses"].get(str(response.status_code), {})
        causes = told.get("content", {}).get("application/problem+json", {}).get("examples", {})
        assert cause in causes, f"{cause} is not documented with status {response.status_code}"
    return None
