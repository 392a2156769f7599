"""The seeded firm: tieline.yaml from its template, and secrets as files of their owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ACCOUNT = "123456_SB1"
CLM_CLIENT, CLM_SECRET = "tieline", "tieline-secret"  # the twin's own defaults, invented
KEY_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An RSA pair for one NetSuite integration record."""

    client_id: str
    certificate_id: str
    private_pem: str
    public_pem: str

    def seed(self) -> dict[str, str]:
        return {"client_id": self.client_id, "certificate_id": self.certificate_id, "public_key": self.public_pem}


def certificate(client_id: str) -> Certificate:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Certificate(
        client_id=client_id,
        certificate_id=f"kid-{client_id}",
        private_pem=private.decode(),
        public_pem=public.decode(),
    )


def signing_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def keep_secret(folder: Path, name: str, value: str) -> str:
    """Stores one secret for its owner only; answers the reference that the configuration names."""
    place = folder / "secrets"
    place.mkdir(mode=0o700, exist_ok=True)
    path = place / name
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(value)
    return f"file:{path.absolute()}"


def write_configuration(folder: Path, values: dict[str, Any]) -> Path:
    """Fills the template. Values are JSON, which YAML takes as it is, so nothing in them can break out of its place."""
    template = (resources.files(__package__) / "tieline.yaml").read_text()
    filled = Template(template).substitute({name: json.dumps(value) for name, value in values.items()})
    path = folder / "tieline.yaml"
    path.write_text(filled)
    return path
