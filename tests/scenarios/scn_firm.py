"""The firms of the scenarios as configuration: `northwind` is told by webhooks, `lakeside` polls and asks its CRM."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieline.entrypoints.demo import firm
from tieline.entrypoints.demo.stage import verification_key
from tieline.twins.process import Served

Doc = dict[str, Any]
TAXES = {"US01": {"STANDARD": "0.20", "EXEMPT": "0"}, "DE01": {"STANDARD": "0.19", "EXEMPT": "0"}}
ENTITIES: Doc = {
    "US01": {"country": "US", "currency": "USD", "zone": "America/New_York", "taxes": TAXES["US01"]},
    "DE01": {"country": "DE", "currency": "EUR", "zone": "Europe/Berlin", "taxes": TAXES["DE01"]},
}
OVERLAY: Doc = {
    "legal_entity": {"US01": "US01", "DE01": "DE01", "GB01": "GB01"},  # GB01 is mapped before it is configured
    "tax_code": {"STANDARD": "STANDARD", "EXEMPT": "EXEMPT"},
    "service_line": {"DATA": "DATA", "CLOUD": "CLOUD"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A folder with secrets, and the look-alike of NetSuite that knows our certificate."""

    folder: Path
    erp: Served
    own: firm.Certificate
    watching: firm.Certificate
    inbox_secret: str = field(repr=False)


def rehearsed(folder: Path, erp: Served) -> Rehearsed:
    os.chmod(folder, 0o711)  # as root the store runs as a lesser user, which must be able to pass through
    own, watching = firm.certificate("tieline"), firm.certificate("witness")
    erp.control("seed", {"integration": [own.seed(), watching.seed()]})
    return Rehearsed(folder=folder, erp=erp, own=own, watching=watching, inbox_secret=firm.signing_secret())


def tenant(place: Rehearsed, clm: Served, **more: Any) -> Doc:
    """One firm with two legal entities, both kept in NetSuite."""
    document: Doc = {
        "legal_entities": ENTITIES,
        "roles": {"clm": "ironclad", "erp": "netsuite", "inbox": "inbox"},
        "service_lines": ["DATA", "CLOUD"],
        "systems": {"ironclad": ironclad(place, clm), "netsuite": netsuite(place), "inbox": inbox(place)},
    }
    return document | more


def ironclad(place: Rehearsed, clm: Served) -> Doc:
    return {
        "connector": "ironclad", "base_url": clm.url, "allow_private_addresses": True, "call_life_s": 1,
        "client_id": firm.CLM_CLIENT, "client_secret_ref": firm.keep_secret(place.folder, "ironclad", firm.CLM_SECRET),
        "as_user_email": "integrations@northwind.example",
        "webhook_public_key_ref": firm.keep_secret(place.folder, f"{clm.state.name}.pem", verification_key(clm)),
        "overlay": json.loads(json.dumps(OVERLAY)),
    }  # fmt: skip


def netsuite(place: Rehearsed) -> Doc:
    return {
        "connector": "netsuite", "base_url": place.erp.url, "allow_private_addresses": True, "call_life_s": 1,
        "account": firm.ACCOUNT, "client_id": place.own.client_id, "certificate_id": place.own.certificate_id,
        "private_key_ref": firm.keep_secret(place.folder, "netsuite.pem", place.own.private_pem),
        "subsidiaries": {"US01": "2", "DE01": "3"}, "currencies": {"USD": "1", "EUR": "4"},
        "items": {"DATA": "501", "CLOUD": "502"},
        "tax_codes": {"STANDARD": "7", "EXEMPT": "8", "DE01/STANDARD": "9"},
        "employees": {"res_dana": "55", "res_ada": "56"}, "billing_resource": "900",
    }  # fmt: skip


def inbox(place: Rehearsed) -> Doc:
    secret = firm.keep_secret(place.folder, "inbox", place.inbox_secret)
    return {"connector": "events", "signing_secret_ref": secret, "sources": ["/northwind/psa", "/northwind/crm"]}


def written(place: Rehearsed, name: str, port: int, tenants: Doc) -> Path:
    """A `tieline.yaml`; JSON is YAML."""
    document = {
        "home": str(place.folder / "home"), "listen": {"port": port}, "worker": {"lease_s": 1}, "tenants": tenants,
    }  # fmt: skip
    path = place.folder / f"{name}.yaml"
    path.write_text(json.dumps(document, indent=1))
    return path
