"""From a replica's row to what is sent, and its stored form: the exact envelope stays, encrypted, until it is settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieline.engine.rows import Row
from tieline.kit.canonical import Json, decode, digest_of, encode, plain
from tieline.ports.landscape import Cipher
from tieline.ports.systems import Envelope, ExternalRef


def effect_key(tenant: str, row: Row, verb: str) -> bytes:
    """(tenant, legal entity, target, entity, natural key, revision, operation): one effect for ever (D1)."""
    return digest_of(tenant, row["legal_entity"], row["system"], row["kind"], row["key"], str(row["revision"]), verb)


def envelope_of(tenant: str, row: Row, verb: str) -> Envelope:
    """`row` is a replica with `links`: "kind/key" -> external reference of what it comes after."""
    return Envelope(
        kind=row["kind"], document_key=row["key"], doc=row["doc"], revision=row["revision"],
        key=effect_key(tenant, row, verb).hex(), marker=row["key"], ref=ref_of(row["external"]),
        links={name: ref for name, external in (row["links"] or {}).items() if (ref := ref_of(external)) is not None},
        legal_entity=row["legal_entity"],
    )  # fmt: skip


def ref_of(external: Json) -> ExternalRef | None:
    if not external:
        return None
    return ExternalRef(id=external["id"], version=external.get("version"), extra=external.get("extra") or {})


def sealed(envelope: Envelope, tenant: str, cipher: Cipher) -> bytes:
    return cipher.seal(encode(plain(envelope)), context_of(tenant, envelope.key))


def unsealed(payload: bytes, tenant: str, key: bytes, cipher: Cipher) -> Envelope:
    stored: dict[str, Any] = decode(cipher.open(payload, context_of(tenant, key.hex())))
    links: Mapping[str, Json] = stored["links"]
    return Envelope(
        **(stored | {
            "ref": ref_of(stored["ref"]),
            "links": {name: ref for name, external in links.items() if (ref := ref_of(external)) is not None},
        })
    )  # fmt: skip


def context_of(tenant: str, key: str) -> bytes:
    """Binds a ciphertext to its tenant and effect (X11)."""
    return f"effect/{tenant}/{key}".encode()
