"""Opaque cursors: where a listing goes on, signed, and tied to the listing that gave them."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from service.errors import InvalidRequest

_KEY, _SIGNATURE = 8, 16  # bytes of a row's key and of the HMAC-SHA-256 that is kept
_LENGTH: Final = (_KEY + _SIGNATURE) // 3 * 4  # base64 without padding


def cursor(listing: str, key: int, signing: bytes) -> str:
    """The cursor that goes on after the row `key` of `listing`, signed with a 32-byte key."""
    packed = key.to_bytes(_KEY, "big")
    return urlsafe_b64encode(packed + _signature(listing, packed, signing)).decode()


def key_after(given: str | None, listing: str, signing: bytes) -> int:
    """The row to go on after, 0 for a first page. Raises InvalidRequest."""
    if given is None:
        return 0
    packed, signature = _parts(given)
    if not hmac.compare_digest(signature, _signature(listing, packed, signing)):
        raise InvalidRequest("The cursor `after` does not belong to this listing.")
    return int.from_bytes(packed, "big")


def _parts(given: str) -> tuple[bytes, bytes]:
    try:
        raw = urlsafe_b64decode(given) if len(given) == _LENGTH else b""
    except ValueError:
        raw = b""
    return raw[:_KEY], raw[_KEY:]


def _signature(listing: str, packed: bytes, signing: bytes) -> bytes:
    return hmac.digest(signing, listing.encode() + b"\0" + packed, "sha256")[:_SIGNATURE]
