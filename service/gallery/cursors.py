"""Opaque cursors: where a listing goes on, tied to the listing that gave them."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from service.errors import InvalidRequest


def cursor(listing: str, key: int) -> str:
    """The cursor that goes on after the row `key` of `listing`."""
    return urlsafe_b64encode(f"{listing}:{key}".encode()).rstrip(b"=").decode()


def key_after(given: str | None, listing: str) -> int:
    """The row to go on after, 0 for a first page. Raises InvalidRequest."""
    if given is None:
        return 0
    try:
        key = int(urlsafe_b64decode(given + "=" * (-len(given) % 4)).rpartition(b":")[2])
    except ValueError:
        key = -1
    # SQLite's keys end at 2^63; writing the cursor anew refuses whatever we did not write.
    if not 0 <= key < 2**63 or cursor(listing, key) != given:
        raise InvalidRequest("The cursor `after` does not belong to this listing.")
    return key
