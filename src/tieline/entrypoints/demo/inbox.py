"""A time sheet system's side: approved hours handed in as a signed CloudEvent (Standard Webhooks)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx2
from standardwebhooks.webhooks import Webhook

SOURCE = "/northwind/psa"


def approved_hours(
    *, contract_id: str, line_id: str, resource_id: str, work_date: date, hours: str, narrative: str
) -> dict[str, Any]:
    """One approved time entry as the event that a PSA sends."""
    now = datetime.now(UTC).isoformat()
    entry = {
        "id": f"te_{uuid4().hex[:20]}",
        "contract_id": contract_id,
        "line_id": line_id,
        "resource_id": resource_id,
        "work_date": work_date.isoformat(),
        "hours": hours,
        "state": "approved",
        "approved_by": "lead@northwind.example",
        "approved_at": now,
        "narrative": narrative,
    }
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": SOURCE,
        "type": "dev.tieline.time_entry.approved.v1",
        "time": now,
        "datacontenttype": "application/json",
        "data": entry,
    }


def hand_in(hub_url: str, secret: str, event: dict[str, Any]) -> str:
    """Posts the event; answers the correlation id of the receipt. The same event again is recognised by its id."""
    body = json.dumps(event)
    moment = datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": event["id"],
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(event["id"], moment, body),
    }
    answer = httpx2.post(f"{hub_url}/hooks/northwind/inbox", content=body, headers=headers, timeout=10.0)
    answer.raise_for_status()
    return str(answer.json()["correlation_id"])
