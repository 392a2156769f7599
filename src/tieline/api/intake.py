"""What people and machines hand in through the API becomes an input like any other: journaled first, judged later."""

from __future__ import annotations

from decimal import Decimal

from fastapi import Request

from tieline.api.auth import Caller
from tieline.api.context import batcher_of, correlation
from tieline.api.shapes import InvoiceAsked, TimeEntryAsked
from tieline.domain.records import InvoiceRequest, TimeEntry
from tieline.engine.inputs import NewInput
from tieline.kit.canonical import digest_of, encode, plain
from tieline.kit.errors import Fault, Rejected
from tieline.kit.ids import stable_id

HOURS_MAX = Decimal(24)


def time_entry(caller: Caller, key: str, asked: TimeEntryAsked) -> TimeEntry:
    """One id per Idempotency-Key for ever. Raises Rejected for what no contract could make right."""
    hours = Decimal(asked.hours)
    if not 0 < hours <= HOURS_MAX:
        raise Rejected(
            f"{hours} hours on one day cannot be: a time entry has more than 0 and at most 24 hours.",
            faults=[Fault("/hours", "must be more than 0 and at most 24")],
        )
    return TimeEntry(
        id=stable_id("ten", caller.tenant, caller.principal, key),
        contract_id=asked.contract_id,
        line_id=asked.line_id,
        resource_id=asked.resource_id,
        work_date=asked.work_date,
        hours=hours,
        state="approved",
        approved_by=asked.approved_by,
        approved_at=asked.approved_at,
        narrative=asked.narrative,
    )


def invoice_request(caller: Caller, key: str, contract_id: str, asked: InvoiceAsked) -> InvoiceRequest:
    return InvoiceRequest(
        id=stable_id("ivr", caller.tenant, caller.principal, key),
        contract_id=contract_id,
        through=asked.through,
        invoice_date=asked.invoice_date,
        requested_by=caller.principal,
    )


async def hand_in(
    request: Request, caller: Caller, topic: str, key: str, source_id: str, document: TimeEntry | InvoiceRequest
) -> None:
    """Returns after the commit. The request takes on the correlation of the first one with this key."""
    new = NewInput(
        tenant=caller.tenant,
        channel="api",
        system="api",
        topic=topic,
        source_id=source_id,
        source_version="1",
        dedup=digest_of("api", caller.principal, topic, key),
        body=encode(plain(document)),
        correlation_id=correlation(request),
        principal=caller.principal,
    )
    accepted = (await batcher_of(request).submit([new], critical=topic != "time_entry"))[0]
    if accepted.conflict:
        raise Rejected("This Idempotency-Key was used for another request.", code="idempotency_key_reused")
    request.scope["tieline.correlation"] = accepted.correlation_id
