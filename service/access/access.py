"""What the running service lets whom do, by the keys as they are at this moment."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Final

from service.access.key import SCOPES, AccessKey, digest, id_of
from service.access.keyring import Keyring, Keys, Stamp
from service.errors import Forbidden, StartupError, Unauthenticated

log = logging.getLogger("service")
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Access:
    """The keys of the file, and the one that was given at the start.

    The file is looked at for each request (a stat, 2 us) and read when it was replaced, so what
    `adaface keys` does holds for the next request. Without any key everybody may do everything;
    from the first one on nobody may without, also if the file is lost.
    """

    def __init__(
        self,
        keyring: Keyring,
        given: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`given` is a token with every scope. Raises AccessKeysUnusable, DataDirectoryUnusable."""
        self._keyring, self._clock = keyring, clock
        self._own = secrets.token_bytes(32)  # the pepper of what is never written down
        self._given = (
            None if given is None else _key("given at the start", digest(self._own, given))
        )
        self._nobody = _key("nobody", secrets.token_hex(32))
        self._pepper = self._own
        self._keys: Keys = {}
        self._stamp: Stamp | None = None
        self._closed = given is not None
        self._load(keyring.stamp())

    @property
    def closed(self) -> bool:
        """Whether a key is needed."""
        self._refresh()
        return self._closed

    def __len__(self) -> int:
        """How many keys work now."""
        self._refresh()
        active = [key for key in self._keys.values() if key.state(self._clock()) == "active"]
        return len(active) + (self._given is not None)

    def admit(self, token: str | None, needed: Collection[str]) -> str | None:
        """Lets a request pass that needs one of the scopes `needed`, or any key if there are none.

        The id of the key: zeros for the one that was given, None while everybody may do everything.
        Raises Unauthenticated and Forbidden. Takes the same time for every token that is wrong.
        """
        self._refresh()
        if not self._closed:
            return None
        if token is None:
            raise Unauthenticated(
                "Send an access key, as X-API-Key: KEY or as Authorization: Bearer KEY."
            )
        key = self._holder(token)
        if needed and not set(needed) & set(key.scopes):
            raise Forbidden(
                f"The access key {key.name!r} lacks the scope {' or '.join(needed)}, which this"
                " operation needs; ask for a key that has it."
            )
        return key.id

    def known(self, token: str | None) -> str | None:
        """The id of the key that a token claims to be, if there is such a key: fit for a log."""
        key = self._keys.get(id_of(token or ""))
        return None if key is None else key.id

    def _holder(self, token: str) -> AccessKey:
        now = self._clock()
        key = self._keys.get(id_of(token), self._nobody)
        genuine = key.made_by(digest(self._pepper, token), now)
        given = (self._given or self._nobody).made_by(digest(self._own, token), now)
        if given and self._given is not None:
            return self._given
        if not genuine or key is self._nobody:
            raise Unauthenticated(
                "The access key is not one of this service; check it for typing errors."
            )
        if (state := key.state(now)) != "active":  # told to nobody but its holder
            raise Unauthenticated(f"The access key {key.name!r} is {state}; ask for a new one.")
        return key

    def _refresh(self) -> None:
        try:
            stamp = self._keyring.stamp()
            if stamp != self._stamp:
                self._load(stamp)
        except (StartupError, OSError) as error:
            if self._keys or not self._closed:
                log.error("nobody is let in, for the access keys cannot be read: %s", error)  # noqa: TRY400 - a sentence for the operator
            self._keys, self._stamp, self._closed = {}, None, True

    def _load(self, stamp: Stamp | None) -> None:
        self._keys = {} if stamp is None else self._keyring.read()
        if self._keys:
            self._pepper, self._closed = self._keyring.pepper(), True
        self._stamp = stamp


def _key(name: str, digest: str) -> AccessKey:
    return AccessKey(id="0" * 12, name=name, scopes=SCOPES, created_at=_NEVER, digest=digest)
