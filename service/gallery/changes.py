"""Changes to what is kept: merge patches, and the tags that tell whether somebody else was first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from typing import Any, Final

from service.errors import PreconditionFailed
from service.gallery.protocol import Collection, Metadata, Person

# Faces come and go beside a change of words; they are no reason to refuse it.
_UNTAGGED: Final = frozenset({"person_count", "face_count"})
_OBJECTS: Final = frozenset({"metadata", "settings"})


def etag(kept: Person | Collection) -> str:
    """A strong validator (RFC 9110, 8.8.3) of all that a change can change, with its quotes."""
    told = {name: value for name, value in asdict(kept).items() if name not in _UNTAGGED}
    content = json.dumps(told, sort_keys=True, default=str)
    return f'"{blake2b(content.encode(), digest_size=12).hexdigest()}"'


def check_match(kept: Person | Collection, match: frozenset[str] | None) -> None:
    """Raises PreconditionFailed where tags are given, and what is kept has none of them."""
    if match is not None and etag(kept) not in match:
        raise PreconditionFailed(
            f"{kept.id!r} was changed since it was read; read it again and repeat the change."
        )


def changed(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as they are after a change; objects are merged as RFC 7396 says."""
    return {
        name: value
        if name not in _OBJECTS
        else {}
        if value is None
        else merged(before[name], value)
        for name, value in changes.items()
    }


def merged(before: Metadata, patch: Metadata) -> Metadata:
    """`before` with the members of `patch` in place of its own, without those that are null."""
    after = dict(before)
    for name, value in patch.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, dict):
            inner = after.get(name)
            after[name] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            after[name] = value
    return after
