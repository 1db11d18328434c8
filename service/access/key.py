"""One access key: what its holder may do, until when, and what is kept of its secret."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Scope = Literal["embed", "verify", "identify", "enroll", "delete", "export", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
SECRET: Final = 32  # random bytes; so many need no slow hash
PREFIX: Final = "afk"  # by which a key that leaked into a log or a repository is recognized
HEX: Final = r"^[0-9a-f]{64}$"


class Earlier(BaseModel):
    """The secret before the last rotation, and when it stops to work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern=HEX)
    until: datetime


class AccessKey(BaseModel):
    """A key as it is kept. `digest` is the HMAC-SHA-256 of the whole token under the pepper."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern="^[0-9a-f]{12}$")
    name: str = Field(min_length=1, max_length=100)
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    digest: str = Field(pattern=HEX)
    earlier: Earlier | None = None

    def state(self, now: datetime) -> Literal["active", "expired", "revoked"]:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"

    def made_by(self, digest: str, now: datetime) -> bool:
        """Whether a token with this digest is the key's, in the same time whatever the answer is."""
        before = self.earlier
        former, until = (self.digest, now) if before is None else (before.digest, before.until)
        current = hmac.compare_digest(digest, self.digest)
        return current | (hmac.compare_digest(digest, former) & (now < until))


def issued(id: str) -> str:
    """A new token of the key `id`: 256 random bits, after what tells whose they are."""
    return f"{PREFIX}_{id}_{secrets.token_urlsafe(SECRET)}"


def id_of(token: str) -> str:
    """The id a token claims; empty where it is not of our making."""
    prefix, _, rest = token.partition("_")
    return rest.partition("_")[0] if prefix == PREFIX else ""


def digest(pepper: bytes, token: str) -> str:
    return hmac.digest(pepper, token.encode(errors="surrogatepass"), "sha256").hex()
