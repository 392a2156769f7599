"""The inbox sits the part of the exam that concerns a connector which only receives."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from tieline import sdk
from tieline.conformance import ExamTarget, SourceSide, run_exam
from tieline.connectors.events.connector import EventsInbox
from tieline.ports.vault import Secret

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
KINDS = {
    "time_entry": sdk.TimeEntry,
    "contract_approval": sdk.ContractApproval,
    "invoice_request": sdk.InvoiceRequest,
}


async def delivery() -> tuple[Mapping[str, str], bytes, datetime]:
    approval = {"id": "a-1", "contract_id": "con_1", "approved_by": "cfo", "approved_at": "2026-03-01T09:00:00Z"}
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/crm",
        "type": "dev.tieline.contract.approved.v1",
        "time": "2026-03-01T09:00:00Z",
        "data": approval,
    }
    now, body = datetime(2026, 3, 1, 9, 1, tzinfo=UTC), json.dumps(event)
    headers = {
        "content-type": "application/json",
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, body),
    }
    return headers, body.encode(), now


async def test_the_inbox_keeps_every_promise_that_concerns_it() -> None:
    report = await run_exam(
        ExamTarget(
            connector=EventsInbox,
            base_url="http://127.0.0.1:9",
            settings={"signing_secret_ref": "env:X"},
            secrets={"signing_secret": Secret(SECRET)},
            source=SourceSide(topic="contract_approval", kinds=KINDS, delivery=delivery, pollable=False),
        )
    )
    assert [result.check for result in report.results] == [
        "the-mapping-page-names-every-field",
        "only-signed-messages-count",
    ]
    assert report.passed, report.as_json()
