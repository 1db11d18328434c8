"""Which access key each operation asks for: one table, which the service and its document read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope as Request

from service.access import Scope
from service.errors import Forbidden, Unauthenticated
from service.problems import problems

Scopes = tuple[Scope, ...]  # one of which suffices; any key does where there are none
ANY_KEY: Final[Scopes] = ()
SIGHT: Final[Scopes] = ("enroll", "export", "identify", "admin")  # of what collections there are
PEOPLE: Final[Scopes] = ("enroll", "export")  # names and metadata of who is enrolled
NEEDED: Final[Mapping[str, Scopes | None]] = MappingProxyType(
    {
        "detect_faces": ("embed",),
        "detect_batch": ("embed",),
        "embed_faces": ("embed",),
        "embed_batch": ("embed",),
        "verify_faces": ("verify",),
        "identify_faces": ("identify",),
        "create_collection": ("admin",),
        "list_collections": SIGHT,
        "get_collection": SIGHT,
        "change_collection": ("admin",),
        "delete_collection": ("admin",),
        "create_person": ("enroll",),
        "list_persons": PEOPLE,
        "get_person": PEOPLE,
        "change_person": ("enroll",),
        "merge_persons": ("enroll",),
        "delete_person": ("delete",),
        "enroll_face": ("enroll",),
        "list_faces": PEOPLE,
        "move_face": ("enroll",),
        "delete_face": ("delete",),
        "examine_gallery": ("admin", "enroll"),
        "calibrate_collection": ("admin",),
        "get_calibration": SIGHT,
        "delete_calibration": ("admin",),
        "begin_renewal": ("admin",),
        "get_renewal": ("admin", "enroll"),
        "list_missing_faces": ("admin", "enroll"),
        "supply_crop": ("enroll",),
        "switch_renewal": ("admin",),
        "roll_back_renewal": ("admin",),
        "finish_renewal": ("admin",),
        "cancel_renewal": ("admin",),
        "export_persons": ("export",),
        "import_persons": ("enroll",),
        "read_backup": ("admin",),
        "list_models": ANY_KEY,
        "get_model": ANY_KEY,
        "read_model_card": ANY_KEY,
        "read_metrics": ANY_KEY,  # counts and times, nobody's identity
        "check_liveness": None,
        "check_readiness": None,
        "front_door": None,
    }
)
OPEN: Final = frozenset({"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"})
SCHEMES: Final = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}


class Needed:
    """The scopes that a request needs, found as the router finds its operation."""

    def __init__(self, routes: Iterable[APIRoute]) -> None:
        self._routes: dict[str, list[APIRoute]] = defaultdict(list)
        for route in routes:
            for method in route.methods or ():
                self._routes[method].append(route)

    def __call__(self, request: Request) -> Sequence[str] | None:
        """None where no key is needed; an address nobody knows tells strangers nothing."""
        for route in self._routes.get(request["method"], ()):
            if route.matches(request)[0] is Match.FULL:
                return NEEDED.get(route.name, ("admin",))
        return None if request["path"] in OPEN else ANY_KEY


def secure(document: dict[str, Any]) -> None:
    """Writes into an OpenAPI document what each operation needs and answers without it, in place.

    For keys that are sent in a header the list of an alternative names roles (OpenAPI 3.1,
    Security Requirement Object); here it has one scope.
    """
    document["components"]["securitySchemes"] = SCHEMES
    keyless, narrow = problems(Unauthenticated), problems(Unauthenticated, Forbidden)
    for path in document["paths"].values():
        for operation in path.values():
            scopes = NEEDED.get(operation["operationId"], ("admin",))
            if scopes is None:
                operation["security"] = []
                continue
            roles = [[scope] for scope in scopes] or [[]]
            operation["security"] = [{scheme: role} for scheme in SCHEMES for role in roles]
            for status, answer in (narrow if scopes else keyless).items():
                operation["responses"].setdefault(str(status), _documented(answer))


def _documented(answer: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's form of an answer, as OpenAPI's."""
    [(media, content)] = answer["content"].items()
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": answer["description"],
        "content": {media: {**content, "schema": schema}},
    }
