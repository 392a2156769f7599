"""The inbox has no counterpart: the exam hands it one signed message."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks.webhooks import Webhook

from tieline import sdk
from tieline.conformance import ExamTarget, SourceSide
from tieline.connectors.events.connector import EventsInbox

_SECRET = "whsec_" + base64.b64encode(b"an exam's shared secret, 32 byte").decode()
_KINDS = {
    "time_entry": sdk.TimeEntry,
    "contract_approval": sdk.ContractApproval,
    "invoice_request": sdk.InvoiceRequest,
}


@contextmanager
def prepared(folder: Path) -> Iterator[ExamTarget]:
    yield ExamTarget(
        connector=EventsInbox,
        base_url="http://127.0.0.1:9",
        settings={"signing_secret_ref": "env:EXAM"},
        secrets={"signing_secret": sdk.Secret(_SECRET)},
        source=SourceSide(topic="contract_approval", kinds=_KINDS, delivery=_delivery, pollable=False),
    )


async def _delivery() -> tuple[Mapping[str, str], bytes, datetime]:
    approval = {"id": "a-1", "contract_id": "con_1", "approved_by": "cfo", "approved_at": "2026-03-01T09:00:00Z"}
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/exam/crm",
        "type": "dev.tieline.contract.approved.v1",
        "time": "2026-03-01T09:00:00Z",
        "data": approval,
    }
    now, body = datetime(2026, 3, 1, 9, 1, tzinfo=UTC), json.dumps(event)
    headers = {
        "content-type": "application/json",
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(_SECRET).sign("msg_1", now, body),
    }
    return headers, body.encode(), now
