"""Encryption of rows: AES-256-GCM under a key per person, each wrapped by the root key.

The wrapped keys are the only thing that deleting has to destroy: every other copy of a row, in a
stale part of a page or in a backup of the rows, is noise without them. NIST SP 800-38D; nonces are
random, 96 bits, far below its 2^32 uses for any key here.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.gallery.keys import SIZE

_NONCE: Final = 12  # bytes
_CHECK: Final = b"adaface gallery id"
WRAPPED: Final = _NONCE + SIZE + 16  # bytes of a wrapped key: nonce, key, tag


class Damaged(Exception):
    """A value is not the one that was sealed for its place, or its key was destroyed."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals and opens the values of one person, or of one collection."""

    cipher: AESGCM

    def close(self, content: bytes, *place: object) -> bytes:
        """The content, readable only with the same key and for the same `place`."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self.cipher.encrypt(nonce, content, _bound(place))

    def open(self, sealed: object, *place: object) -> bytes:
        """The content. Raises Damaged if a bit of it or of its place is another."""
        return _open(self.cipher, sealed, _bound(place))

    def fits(self, sealed: object, *place: object) -> bool:
        """Whether `sealed` is what was sealed for the place."""
        try:
            self.open(sealed, *place)
        except Damaged:
            return False
        return True

    def resealed(self, other: Seal, sealed: object, *place: object) -> bytes:
        """The same content under another seal. Raises Damaged."""
        return other.close(self.open(sealed, *place), *place)


class Vault:
    """The keys of one gallery, all under its root key."""

    def __init__(self, root: bytes, gallery: bytes) -> None:
        """`gallery` is the 16-byte id that sets its keys apart from other galleries' of the root."""
        self._root, self.gallery = root, gallery
        self._wrapping = AESGCM(self._derived(b"wrapping"))
        self.signing = self._derived(b"cursors")  # 32 bytes
        self._blinding = self._derived(b"external ids")
        self._ledger, self._asking = self._derived(b"erasures"), self._derived(b"requests")
        self.archiving = self._derived(b"backups")  # 32 bytes

    @classmethod
    def new(cls, root: bytes) -> Self:
        return cls(root, secrets.token_bytes(16))

    @classmethod
    def opened(cls, root: bytes, check: object) -> Self:
        """The vault whose `check()` was stored. Raises Damaged if the root key is another."""
        return cls(root, _open(AESGCM(_derived(root, b"", _CHECK)), check, _CHECK))

    def checks(self, check: object) -> bool:
        """Whether `check` is a `check()` of this gallery."""
        try:
            return Vault.opened(self._root, check).gallery == self.gallery
        except Damaged:
            return False

    def check(self) -> bytes:
        """What tells the right root key, and holds the gallery's id."""
        nonce = secrets.token_bytes(_NONCE)
        cipher = AESGCM(_derived(self._root, b"", _CHECK))
        return nonce + cipher.encrypt(nonce, self.gallery, _CHECK)

    def blinded(self, collection: int, external_id: str | None) -> bytes | None:
        """What an external id is looked up by: 16 bytes that tell nothing without the root key."""
        if external_id is None:
            return None
        content = _bound((collection, external_id))
        return hmac.digest(self._blinding, content, "sha256")[:16]

    def erasure(self, *place: object) -> bytes:
        """What tells that something was erased without saying what: 16 bytes, as above."""
        return hmac.digest(self._ledger, _bound(place), "sha256")[:16]

    def asked(self, key: str) -> bytes:
        """What the answer to a request with this idempotency key is found by: 16 bytes, as above."""
        return hmac.digest(self._asking, key.encode(), "sha256")[:16]

    def _derived(self, purpose: bytes) -> bytes:
        """A 32-byte key of this gallery for a purpose of its own (HKDF, RFC 5869)."""
        return _derived(self._root, self.gallery, purpose)

    def fresh(self, number: int) -> tuple[bytes, bytes]:
        """A random key: wrapped, to be stored under `number`, and as it is."""
        key, nonce = secrets.token_bytes(SIZE), secrets.token_bytes(_NONCE)
        return nonce + self._wrapping.encrypt(nonce, key, _bound(("key", number))), key

    def key(self, number: object, wrapped: object) -> bytes:
        """The key that is stored, wrapped, under `number`. Raises Damaged, also if destroyed."""
        return _open(self._wrapping, wrapped, _bound(("key", number)))

    def seal(self, number: object, wrapped: object) -> Seal:
        """The seal of the key that is stored under `number`. Raises Damaged."""
        return Seal(AESGCM(self.key(number, wrapped)))


def _derived(root: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=SIZE, salt=salt, info=purpose).derive(root)


def _bound(place: tuple[object, ...]) -> bytes:
    """Associated data. What a caller chose comes last in a place, so no two places read alike."""
    return "\0".join(map(str, place)).encode(errors="surrogatepass")


def _open(cipher: AESGCM, sealed: object, bound: bytes) -> bytes:
    try:
        if not isinstance(sealed, bytes):  # a damaged record header can change its type
            raise Damaged
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
    except (InvalidTag, ValueError) as error:
        raise Damaged from error
