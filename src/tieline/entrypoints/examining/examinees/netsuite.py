"""NetSuite's twin; its truth journal is the witness."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

from tieline import sdk
from tieline.conformance import ExamTarget, SampleTerms
from tieline.connectors.netsuite.connector import NetSuite
from tieline.twins.process import Served, served

_SETTINGS: dict[str, Any] = {
    "account": "123456_SB1",
    "client_id": "exam-client",
    "certificate_id": "exam-certificate",
    "private_key_ref": "env:EXAM",
    "subsidiaries": {"US01": "2", "DE01": "3"},
    "currencies": {"USD": "1", "EUR": "4"},
    "items": {"DATA": "501", "CLOUD": "502"},
    "tax_codes": {"STANDARD": "7", "EXEMPT": "8"},
    "employees": {"res_ada": "55"},
    "billing_resource": "900",
}
_APPROVED = {"id": "2"}


class _Journal:
    """Creations by external id. A posting is an approval of its invoice; approving again posts nothing again."""

    def __init__(self, twin: Served) -> None:
        self._twin = twin

    async def effects(self, envelope: sdk.Envelope) -> int:
        entries = await asyncio.to_thread(self._twin.journal)
        if envelope.kind == "invoice_posting":
            mine = [entry for entry in entries if envelope.doc["invoice_id"] in str(entry["natural_key"])]
            return int(any(entry["payload"].get("approvalStatus") == _APPROVED for entry in mine))
        mine = [entry for entry in entries if envelope.marker in str(entry["natural_key"])]
        return sum(entry["operation"] == "create" for entry in mine)


@contextmanager
def prepared(folder: Path) -> Iterator[ExamTarget]:
    key = RSAKey.generate_key(2048)
    with served("netsuite", folder) as twin:
        integration = {
            "client_id": _SETTINGS["client_id"],
            "certificate_id": _SETTINGS["certificate_id"],
            "public_key": key.as_pem(private=False).decode(),
        }
        twin.control("seed", {"integration": [integration]})

        async def expire() -> None:
            rule = {"match": {"path_regex": "/services/rest/(record|query)"}, "fault": {"code": "F10"}, "times": 1}
            await asyncio.to_thread(twin.faults, [rule])

        yield ExamTarget(
            connector=NetSuite,
            base_url=twin.url,
            settings=_SETTINGS,
            secrets={"private_key": sdk.Secret(key.as_pem(private=True).decode())},
            truth=_Journal(twin),
            terms=SampleTerms(legal_entity="US01", currency="USD", resource_id="res_ada", country="US"),
            expire_tokens=expire,
        )
