"""AES-256-GCM for what must not lie in the store in clear. The context binds a ciphertext to its place (X11)."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tieline.kit.errors import CredentialInvalid, Defect

_NONCE = 12


class AesCipher:
    """Implements `ports.landscape.Cipher` with one 32-byte key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise CredentialInvalid("The store's key must have 32 bytes.")
        self._aead = AESGCM(key)

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, plaintext, context)

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        try:
            return self._aead.decrypt(ciphertext[:_NONCE], ciphertext[_NONCE:], context)
        except InvalidTag:
            raise Defect("A stored document was not sealed for this place, or with another key.") from None


def key_of(home: Path) -> bytes:
    """The key of this installation: `store.key` in `home`, made once, readable by its owner only."""
    path = home / "store.key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(key := os.urandom(32))
    return key
