"""What a schedule of the configuration starts: a census, the preparation of invoices, or a fresh look at every contract.

Each act only writes, in the transaction that marks the instant as met; workers and other duties do the rest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import LiteralString
from zoneinfo import ZoneInfo

from tieline.adapters.config import ScheduleSettings, Settings
from tieline.domain.records import InvoiceRequest
from tieline.engine.duties.schedules import Schedule
from tieline.engine.inputs import NewInput, accept
from tieline.engine.lanes import wake
from tieline.engine.rows import Cursor
from tieline.flows.parts import OPEN
from tieline.flows.view import UNBILLED
from tieline.kit.calendars import through
from tieline.kit.canonical import digest_of, encode, plain
from tieline.kit.errors import Conflict
from tieline.kit.ids import stable_id, uuid7
from tieline.reconciliation.runs import begin

LANES = "contract:"
Act = Callable[[Cursor, datetime], Awaitable[None]]


def schedules_of(settings: Settings) -> tuple[Schedule, ...]:
    """Every schedule of every firm, ready to be met."""
    return tuple(
        Schedule(
            tenant=name, name=each.name, rule=each.rule, place=each.place, act=_ACTS[each.starts](name, each),
            missed=each.missed,
        )
        for name, tenant in settings.tenants.items()
        for each in tenant.schedules
    )  # fmt: skip


def census(tenant: str, each: ScheduleSettings) -> Act:
    async def act(cursor: Cursor, due: datetime) -> None:
        for system, kind in each.populations:
            with contextlib.suppress(Conflict):  # one is under way: it lists what this one would list
                async with cursor.connection.transaction():
                    await begin(cursor, tenant, system, kind, each.mode, by(each))

    return act


def invoices(tenant: str, each: ScheduleSettings) -> Act:
    """An invoice is asked for where there is something to bill, as a person would ask; its release stays a person's."""

    async def act(cursor: Cursor, due: datetime) -> None:
        day = due.astimezone(ZoneInfo(each.place.zone)).date()
        upto = through(each.through, each.place.fiscal, day)
        values = {"tenant": tenant, "entity": each.legal_entity, "marks": [OPEN, UNBILLED], "upto": upto.isoformat()}
        await cursor.execute(_BILLABLE, values)
        contracts = [str(row["lane"]).removeprefix(LANES) for row in await cursor.fetchall()]
        asked = [
            InvoiceRequest(
                id=stable_id("ivr", tenant, by(each), due.isoformat(), contract), contract_id=contract, through=upto,
                invoice_date=day, requested_by=by(each),
            )
            for contract in contracts
        ]  # fmt: skip
        if asked:
            await accept(cursor.connection, [_input(tenant, request) for request in asked])

    return act


def planning(tenant: str, each: ScheduleSettings) -> Act:
    async def act(cursor: Cursor, due: datetime) -> None:
        await cursor.execute(_LANES, {"tenant": tenant, "entity": each.legal_entity, "like": f"{LANES}%"})
        await wake(cursor, tenant, [row["lane"] for row in await cursor.fetchall()])
        await cursor.execute("select pg_notify('tieline_work', 'plan')")

    return act


def by(each: ScheduleSettings) -> str:
    return f"schedule:{each.name}"


def _input(tenant: str, request: InvoiceRequest) -> NewInput:
    return NewInput(
        tenant=tenant, channel="timer", system="api", topic="invoice_request", source_id=request.id, source_version="1",
        dedup=digest_of("timer", "invoice_request", request.id), body=encode(plain(request)), correlation_id=uuid7(),
        principal=request.requested_by,
    )  # fmt: skip


_ACTS: Mapping[str, Callable[[str, ScheduleSettings], Act]] = {
    "census": census, "invoices": invoices, "planning": planning,
}  # fmt: skip
_BILLABLE: LiteralString = """select distinct l.lane from lanes l
join record_marks m on m.tenant_id = l.tenant_id and m.lane = l.lane and m.mark = any(%(marks)s)
join records r on r.tenant_id = m.tenant_id and r.kind = m.kind and r.record_id = m.record_id
where l.tenant_id = %(tenant)s and l.legal_entity = %(entity)s and r.doc ->> 'work_date' <= %(upto)s
order by l.lane"""
_LANES: LiteralString = """select lane from lanes
where tenant_id = %(tenant)s and legal_entity = %(entity)s and lane like %(like)s order by lane"""
