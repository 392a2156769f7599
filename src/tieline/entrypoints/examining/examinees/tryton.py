"""The real Tryton; a census through another door than the connector's is the witness."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from tieline import sdk
from tieline.conformance import ExamTarget, SampleTerms
from tieline.connectors.tryton.connector import Tryton
from tieline.entrypoints.rehearsal import tryton as rehearsal

_ENTITY = "DE01"


class _Census:
    """Counts records that bear the document's mark."""

    def __init__(self, running: rehearsal.Tryton) -> None:
        company = running.seed["companies"][_ENTITY]["id"]
        context = base64.urlsafe_b64encode(json.dumps({"company": company, "companies": [company]}).encode()).decode()
        self._base = f"{running.url}/{running.database}/rest/model/"
        self._headers = {"authorization": f"Bearer {running.seed['key']}", "x-tryton-context": context}

    async def effects(self, envelope: sdk.Envelope) -> int:
        model, domain = _WHERE[envelope.kind](envelope)
        return await asyncio.to_thread(self._count, model, domain)

    def _count(self, model: str, domain: list[Any]) -> int:
        packed = base64.urlsafe_b64encode(json.dumps(domain).encode()).decode()
        answer = httpx2.get(
            self._base + model, params={"d": packed, "f": "id"}, headers=self._headers, timeout=30, trust_env=False
        )
        answer.raise_for_status()
        return len(answer.json())


def _like(text: str) -> str:
    return text.replace("_", "\\_") + "%"


_WHERE: dict[str, Any] = {
    "client": lambda e: ("party.party", [["code", "=", e.marker]]),
    "project": lambda e: ("project.work", [["comment", "like", _like(e.marker)]]),
    "work_element": lambda e: ("project.work", [["comment", "like", _like(e.marker)]]),
    # A rate is a line of its task's comment: the task that holds it is what there may be one of.
    "billing_rule": lambda e: ("project.work", [["comment", "like", _like(e.doc["work_element_id"])]]),
    "time_charge": lambda e: ("timesheet.line", [["description", "like", _like(e.marker)]]),
    "invoice": lambda e: ("account.invoice", [["reference", "=", e.marker]]),
    "invoice_posting": lambda e: (
        "account.invoice",
        [["reference", "=", e.doc["invoice_id"]], ["state", "in", ["posted", "paid"]]],
    ),
}


@contextmanager
def prepared(folder: Path) -> Iterator[ExamTarget]:
    with rehearsal.started() as running:
        settings = rehearsal.settings_from_seed(running.seed, running.url)
        yield ExamTarget(
            connector=Tryton,
            base_url=running.url,
            settings={name: value for name, value in settings.items() if name != "base_url"},
            secrets={"api_key": sdk.Secret(running.seed["key"])},
            truth=_Census(running),
            # Tryton's clock cannot be moved, and it warns of invoices from the past and the future.
            terms=SampleTerms(
                legal_entity=_ENTITY, currency="EUR", resource_id="res_ada", day=datetime.now(UTC).date()
            ),
        )
