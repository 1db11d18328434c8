"""Exports under a passphrase: scrypt (RFC 7914) for the key, AES-256-GCM for each part."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from service.errors import TransferFailed
from service.schemas import Encryption

_NONCE: Final = 12  # bytes, random: 2^32 parts per export are allowed (NIST SP 800-38D, 8.3)
_KEY: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class Lock:
    """Closes and opens the parts of one export, each for its number, and signs the manifest."""

    export: str
    cipher: AESGCM
    signing: bytes

    @classmethod
    def made(cls, passphrase: str, how: Encryption, export: str) -> Self:
        """Takes 0.4 s and 128 MiB, as guessing each passphrase does."""
        if not passphrase:
            raise TransferFailed("The passphrase is empty.")
        salt = bytes.fromhex(how.salt)
        both = Scrypt(salt=salt, length=2 * _KEY, n=how.n, r=how.r, p=how.p).derive(
            passphrase.encode()
        )
        return cls(export, AESGCM(both[:_KEY]), both[_KEY:])

    def close(self, number: int, content: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self.cipher.encrypt(nonce, content, self._bound(number))

    def open(self, number: int, sealed: bytes) -> bytes:
        """Raises TransferFailed if a bit of it, its number, its export or the key is another."""
        try:
            return self.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._bound(number))
        except (InvalidTag, ValueError) as error:
            raise TransferFailed(
                f"Part {number} cannot be decrypted: the passphrase is another, or it was changed."
            ) from error

    def signature(self, content: bytes) -> str:
        return hmac.digest(self.signing, content, "sha256").hex()

    def _bound(self, number: int) -> bytes:
        return f"adaface export\0{self.export}\0{number}".encode()
