"""What can be asked next with an answer at hand: one table, written into the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple


class Link(NamedTuple):
    """An operation to go on with, and where its parameters are found (OpenAPI 3.1, Link Object)."""

    operation: str
    parameters: Mapping[str, str]

    def written(self) -> dict[str, Any]:
        return {"operationId": self.operation, "parameters": dict(self.parameters)}


def _to(operation: str, *same: str, **found: str) -> Link:
    """A link whose parameters are `same` as in the path, or `found` elsewhere."""
    kept = {name: f"$request.path.{name}" for name in same}
    return Link(operation, kept | {name: f"$response.{where}" for name, where in found.items()})


def _next(operation: str, *same: str, after: str = "body#/next") -> Link:
    return _to(operation, *same, after=after)


_IN: Final = ("collection",)
_OF: Final = ("collection", "person")
LINKS: Final[Mapping[str, tuple[str, tuple[Link, ...]]]] = MappingProxyType(
    {
        "create_collection": (
            "201",
            tuple(
                _to(operation, collection="body#/id")
                for operation in (
                    "get_collection",
                    "change_collection",
                    "delete_collection",
                    "create_person",
                    "list_persons",
                    "examine_gallery",
                    "export_persons",
                    "begin_renewal",
                    "calibrate_collection",
                )
            ),
        ),
        "list_collections": ("200", (_next("list_collections"),)),
        "create_person": (
            "201",
            tuple(
                _to(operation, *_IN, person="body#/id")
                for operation in (
                    "get_person",
                    "change_person",
                    "delete_person",
                    "enroll_face",
                    "list_faces",
                    "merge_persons",
                )
            ),
        ),
        "list_persons": (
            "200",
            (
                _next("list_persons", *_IN),
                _to("get_person", *_IN, person="body#/items/0/id"),
            ),
        ),
        "enroll_face": (
            "201",
            (
                _to("delete_face", *_OF, face="body#/faces/0/id"),
                _to("move_face", *_OF, face="body#/faces/0/id"),
                _to("supply_crop", *_OF, face="body#/faces/0/id"),
                _to("list_faces", *_OF),
                _to("get_person", *_OF),
            ),
        ),
        "list_faces": (
            "200",
            (
                _next("list_faces", *_OF),
                _to("delete_face", *_OF, face="body#/items/0/id"),
            ),
        ),
        "identify_faces": (
            "200",
            (
                _to(
                    "get_person",
                    collection="body#/collection",
                    person="body#/results/0/candidates/0/person/id",
                ),
            ),
        ),
        "examine_gallery": ("200", (_next("examine_gallery", *_IN),)),
        "calibrate_collection": (
            "201",
            (_to("get_calibration", *_IN), _to("delete_calibration", *_IN)),
        ),
        "begin_renewal": (
            "201",
            tuple(
                _to(operation, *_IN)
                for operation in (
                    "get_renewal",
                    "list_missing_faces",
                    "switch_renewal",
                    "cancel_renewal",
                )
            ),
        ),
        "switch_renewal": (
            "200",
            (_to("roll_back_renewal", *_IN), _to("finish_renewal", *_IN)),
        ),
        "list_missing_faces": (
            "200",
            (
                _next("list_missing_faces", *_IN),
                _to("supply_crop", *_IN, person="body#/items/0/person", face="body#/items/0/face"),
            ),
        ),
        "export_persons": (
            "200",
            (_next("export_persons", *_IN, after="header.X-Next-Cursor"),),
        ),
        "list_models": (
            "200",
            (
                _to("get_model", name="body#/items/0/id"),
                _to("read_model_card", name="body#/items/0/id"),
            ),
        ),
    }
)


def link(document: dict[str, Any]) -> None:
    """Writes the table into an OpenAPI document, in place."""
    for path in document["paths"].values():
        for operation in path.values():
            name = operation["operationId"]
            if name in LINKS:
                status, links = LINKS[name]
                operation["responses"][status]["links"] = {
                    "next_page" if each.operation == name else each.operation: each.written()
                    for each in links
                }
