"""What requests were answered, so that whoever repeats one is told the same and nothing is done twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from service.errors import IdempotencyKeyReused, IdempotencyKeySpent
from service.gallery.protocol import Once, Replayed
from service.gallery.rows import CollectionRow, PersonRow
from service.gallery.sealing import Damaged
from service.gallery.tables import Tables, stamp

T = TypeVar("T")
KEPT: Final = timedelta(hours=24)
_FINGERPRINT: Final = 32  # bytes of `Once.request`


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers, each sealed with the key of the person or collection that it is about.

    Whoever is deleted takes the answers about them along, and so does a person who gets another
    key because one of their faces was deleted or moved away: it may be in the answer.
    """

    tables: Tables

    def recall(self, once: Once[Any] | None) -> None:
        """Raises Replayed if the request was answered.

        Raises IdempotencyKeyReused if another one was, and IdempotencyKeySpent if it cannot be
        told any more which, and what.
        """
        if once is None or once.key is None:
            return
        key = self.tables.vault.asked(once.key)
        query = """SELECT a.sealed, a.created_at, a.secret, s.wrapped FROM answers a
            LEFT JOIN secrets s ON s.key = a.secret WHERE a.key = :key AND a.created_at > :since"""
        if (found := self.tables.one(query, key=key, since=self._since)) is None:
            return
        sealed, *where = found
        content = self._opened(sealed, key, *where)
        if content[:_FINGERPRINT] != once.request:
            raise IdempotencyKeyReused(
                "Another request was made with this Idempotency-Key within 24 hours; every request"
                " that is not a repetition needs a new one."
            )
        raise Replayed(content[_FINGERPRINT:])

    def keep(self, once: Once[T] | None, made: T, about: CollectionRow | PersonRow) -> None:
        """Keeps how `made` is told, within the transaction that made it."""
        if once is None:
            return
        answer = once.tell(made)
        if once.key is None:
            return
        key, now = self.tables.vault.asked(once.key), self.tables.stamp
        seal = about.seal(self.tables.vault)
        self.tables.run(
            "INSERT OR REPLACE INTO answers (key, secret, sealed, created_at)"
            " VALUES (:key, :secret, :sealed, :now)",
            key=key,
            secret=about.secret,
            sealed=seal.close(once.request + answer, *_place(key, now)),
            now=now,
        )

    def purge(self, limit: int) -> int:
        """Removes answers that are kept no longer; how many, at most `limit`."""
        query = """DELETE FROM answers WHERE key IN
            (SELECT key FROM answers WHERE created_at <= :since LIMIT :limit)"""
        return self.tables.delete(query, since=self._since, limit=limit)

    def are_over(self) -> bool:
        """Whether there are any to purge."""
        query = "SELECT 1 FROM answers WHERE created_at <= :since LIMIT 1"
        return self.tables.one(query, since=self._since) is not None

    @property
    def _since(self) -> str:
        return stamp(self.tables.now - KEPT)

    def _opened(
        self, sealed: object, key: bytes, created: str, secret: int, wrapped: object
    ) -> bytes:
        try:
            return self.tables.vault.seal(secret, wrapped).open(sealed, *_place(key, created))
        except Damaged:
            raise IdempotencyKeySpent(
                "A request with this Idempotency-Key was carried out, and nothing was done now. What"
                " it was answered was erased with the person or face that was deleted since; read"
                " what is there now, or use a new key to ask for the change once more."
            ) from None


def _place(key: bytes, created: str) -> tuple[object, ...]:
    return "answer", created, key.hex()
