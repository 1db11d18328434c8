"""Which changes of an OpenAPI document break clients that were generated from the one before.

    python -m tests.service.compatibility OLD.json NEW.json

A request may ask for less than before and an answer may say more; the other way round somebody's
program stops working. Unknown fields of requests are refused, so a field taken away counts, too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

Json = dict[str, Any]
Side = Literal["request", "answer"]
LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


class Spot(NamedTuple):
    """A place in the document, in words, and which side of an exchange it is on."""

    words: str
    side: Side
    fields: str = ""

    def within(self, field: str) -> Spot:
        return self._replace(fields=f"{self.fields}.{field}" if self.fields else field)

    def says(self, what: str) -> str:
        field = f", field {self.fields}" if self.fields else ""
        return f"breaking: {self.words}{field}: {what}"


def breaking(old: Json, new: Json) -> list[str]:
    """A sentence for each change that breaks a client of `old`."""
    return list(dict.fromkeys(Comparison(old, new).found()))


class Comparison:
    """Two documents; `found` goes through all operations of the old one."""

    def __init__(self, old: Json, new: Json) -> None:
        self.old, self.new = old, new

    def found(self) -> Iterator[str]:
        for path, methods in self.old["paths"].items():
            for method, operation in methods.items():
                name = f"{method.upper()} {path}"
                now = self.new["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"breaking: {name}: the operation is gone"
                else:
                    yield from self._operation(name, operation, now)

    def _operation(self, name: str, old: Json, new: Json) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"breaking: {name}: was {old['operationId']}, is {new['operationId']} now"
        yield from self._parameters(name, old, new)
        yield from self._body(name, old.get("requestBody"), new.get("requestBody"))
        for status, answer in old["responses"].items():
            spot = Spot(f"{name}, answer {status}", "answer")
            now = new["responses"].get(status)
            if now is None:
                yield spot.says("is gone")
            else:
                yield from self._content(spot, answer.get("content", {}), now.get("content", {}))

    def _parameters(self, name: str, old: Json, new: Json) -> Iterator[str]:
        before, after = (
            {(each["in"], each["name"]): each for each in operation.get("parameters", [])}
            for operation in (old, new)
        )
        for key, each in before.items():
            spot = Spot(f"{name}, parameter {key[1]}", "request")
            if key not in after:
                yield spot.says("is gone" + _hint(set(after) - set(before)))
            else:
                yield from self._schema(spot, each["schema"], after[key]["schema"], ())
        for key, each in after.items():
            needed = each.get("required") and not before.get(key, {}).get("required")
            if needed:
                yield Spot(f"{name}, parameter {key[1]}", "request").says("is required now")

    def _body(self, name: str, old: Json | None, new: Json | None) -> Iterator[str]:
        spot = Spot(f"{name}, request", "request")
        if old is None or new is None:
            if new is not None and new.get("required"):
                yield spot.says("a body is required now")
            elif old is not None:
                yield spot.says("takes no body any more")
            return
        yield from self._content(spot, old["content"], new["content"])

    def _content(self, spot: Spot, old: Json, new: Json) -> Iterator[str]:
        for media, content in old.items():
            if media not in new:
                yield spot.says(f"{media} is gone")
            elif "schema" in content and "schema" in new[media]:
                yield from self._schema(spot, content["schema"], new[media]["schema"], ())

    def _schema(self, spot: Spot, old: Json, new: Json, seen: tuple[str, ...]) -> Iterator[str]:
        """`seen` are the schemas that this one is in, by their names in the old document."""
        name = old.get("$ref", "")
        if name in seen:
            return
        inside = (*seen, name) if name else seen
        before, after = _kinds(old, self.old), _kinds(new, self.new)
        yield from _types(spot, set(before), set(after))
        for kind in before.keys() & after.keys():
            yield from self._kind(spot, before[kind], after[kind], inside)

    def _kind(self, spot: Spot, old: Json, new: Json, seen: tuple[str, ...]) -> Iterator[str]:
        yield from _values(spot, old, new)
        yield from _limits(spot, old, new)
        yield from self._fields(spot, old, new, seen)
        for inner in ("items", "additionalProperties"):
            if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
                yield from self._schema(spot.within("[]"), old[inner], new[inner], seen)
        tuples = zip(old.get("prefixItems", ()), new.get("prefixItems", ()), strict=False)
        for n, pair in enumerate(tuples):
            yield from self._schema(spot.within(f"[{n}]"), *pair, seen)

    def _fields(self, spot: Spot, old: Json, new: Json, seen: tuple[str, ...]) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needed_now = set(old.get("required", ())), set(new.get("required", ()))
        for field, schema in before.items():
            if field not in after:
                yield spot.within(field).says("is gone" + _hint(set(after) - set(before)))
            else:
                yield from self._schema(spot.within(field), schema, after[field], seen)
        for field in sorted(needed_now - needed) if spot.side == "request" else ():
            yield spot.within(field).says("is required now")
        for field in sorted((needed - needed_now) & set(after)) if spot.side == "answer" else ():
            yield spot.within(field).says("may be missing now")


def _kinds(schema: Json, document: Json) -> dict[str, Json]:
    """The alternatives of a schema by their JSON type; `any` where it names none."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _kinds(document["components"]["schemas"][name], document)
    kinds: dict[str, Json] = {}
    for alternative in schema.get("anyOf", schema.get("oneOf", ())):
        kinds = _kinds(alternative, document) | kinds
    return kinds or {str(schema.get("type", "any")): schema}


def _types(spot: Spot, old: set[str], new: set[str]) -> Iterator[str]:
    lost = (old - new) if spot.side == "request" else (new - old)
    if lost and "any" not in (new if spot.side == "request" else old):
        yield spot.says(f"was {_listed(old)}, is {_listed(new)} now")


def _values(spot: Spot, old: Json, new: Json) -> Iterator[str]:
    before, after = _enum(old), _enum(new)
    if spot.side == "request" and after is not None:
        if before is None:
            yield spot.says(f"takes only {_listed(after)} now")
        elif gone := before - after:
            yield spot.says(f"does not take {_listed(gone)} any more")
    elif spot.side == "answer" and before is not None and (after is None or after - before):
        yield spot.says(f"may be {_listed(after - before) if after else 'anything'} now")


def _enum(schema: Json) -> set[str] | None:
    given = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return None if given is None else {json.dumps(each) for each in given}


def _limits(spot: Spot, old: Json, new: Json) -> Iterator[str]:
    """Narrower limits of a request; those of answers may be what they like."""
    if spot.side == "answer":
        return
    for name in (*LEAST, *MOST):
        before, after = old.get(name), new.get(name)
        if after is None or after == before:
            continue
        if before is None or (after > before) is (name in LEAST):
            yield spot.says(f"{name} is {after} now, was {'none' if before is None else before}")
    if (pattern := new.get("pattern")) is not None and pattern != old.get("pattern"):
        yield spot.says(f"has to fit the pattern {pattern} now")


def _hint(added: set[Any]) -> str:
    names = sorted(each if isinstance(each, str) else each[1] for each in added)
    return f"; new is {', '.join(names)}" if names else ""


def _listed(words: set[str]) -> str:
    return " or ".join(sorted(words))


def main() -> None:
    old, new = (json.loads(Path(each).read_text()) for each in sys.argv[1:3])
    found = breaking(old, new)
    sys.stdout.write(("\n".join(found) or "nothing breaks") + "\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
