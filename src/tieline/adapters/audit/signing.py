"""Ed25519 for the audit's roots. The private key is a secret by reference, or a file of this installation."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tieline.kit.errors import CredentialInvalid
from tieline.ports.vault import Vault

_FILE = "audit.key"


class Ed25519Signer:
    """Implements `ports.audit.Signer`."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def key_id(self) -> str:
        return key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


class Ed25519Keys:
    """Implements `ports.audit.Keys` with raw public keys of 32 bytes."""

    def __init__(self, public: Iterable[bytes]) -> None:
        self._known = {key_id(each): Ed25519PublicKey.from_public_bytes(each) for each in public}

    def valid(self, key_id: str, signature: bytes, message: bytes) -> bool:
        known = self._known.get(key_id)
        if known is None:
            return False
        try:
            known.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def key_id(public: bytes) -> str:
    return sha256(public).hexdigest()[:16]


def signer_of(home: Path, vault: Vault, reference: str = "") -> Ed25519Signer:
    """From the secret (64 hex digits), or from `audit.key` in `home`, made once and readable by its owner only."""
    text = vault.secret(reference).reveal() if reference else _kept(home / _FILE)
    try:
        return Ed25519Signer(bytes.fromhex(text))
    except ValueError:
        raise CredentialInvalid("The audit's signing key must be 64 hexadecimal digits (32 bytes).") from None


def _kept(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text := os.urandom(32).hex())
    return text
