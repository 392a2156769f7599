"""One contract with many days of hours, on the real engine with the real flows, beside the same firm on paper.

On paper everything is at hand and decided at once; the engine plans the days that changed, some at a time. Whatever the
order and the cut, both must come to the same charges, holds, invoices and documents (A4, C4).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from stepping import Desk, Shelf, desk
from world import TENANT

from flows.world import FIRM, NOON, World
from tieline.flows.registry import all_flows
from tieline.kit.canonical import plain
from tieline.kit.ids import uuid7
from tieline.ports.decisions import Hold
from tieline.ports.flows import Approval, Flow
from tieline.ports.systems import Change

LANE = "contract:con_1"
KINDS = {
    "Contract": "contract", "ClientRecord": "client_record", "Amendment": "amendment", "TimeEntry": "time_entry",
    "InvoiceRequest": "invoice_request",
}  # fmt: skip


@dataclass
class Hour:
    """The hour it is, moved by hand."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class DeepDesk:
    d: Desk
    erp: Shelf
    hour: Hour
    paper: World
    versions: int = 0

    async def say(self, *records: Any) -> None:
        """The same records to both, in one batch."""
        self.paper.add(*records, recorded_at=self.hour.now)
        await self.d.apply(*(self._change(record) for record in records))

    async def say_only_to_the_engine(self, *records: Any) -> None:
        await self.d.apply(*(self._change(record) for record in records))

    def _change(self, record: Any) -> Change:
        self.versions += 1
        kind = KINDS[type(record).__name__]
        return Change(
            kind=kind, id=record.id, lane="client:cl_1" if kind == "client_record" else LANE,
            source_version=f"{self.versions:08d}", doc=plain(record), legal_entity="DE01", valid_from=None,
        )  # fmt: skip

    async def release(self) -> None:
        """Finance says yes to whatever waits for it, in both."""
        for row in await self.d.rows(
            "select subject, evidence from holds where evidence ? 'digest' and lifted_at is null"
        ):
            await self.d.commands.approve(TENANT, LANE, row["subject"], row["evidence"]["digest"], "fiona", uuid7())
            given = Approval(
                subject=row["subject"], digest=row["evidence"]["digest"], principal="fiona", at=self.hour.now
            )
            self.paper.approvals[given.subject] = (*self.paper.approvals.get(given.subject, ()), given)

    async def charges(self) -> dict[str, Any]:
        return {row["record_id"]: row["doc"] for row in await self.minted("charge")}

    async def minted(self, kind: str) -> list[dict[str, Any]]:
        return await self.d.rows("select record_id, doc from records where lane = %s and kind = %s", LANE, kind)

    async def outcome(self) -> dict[str, Any]:
        """What the engine came to."""
        holds = await self.d.rows("select code, subject, amount::text as amount from holds where lifted_at is null")
        shown = await self.d.rows("select kind, key, doc from replicas where confirmed_revision > 0")
        return {
            **{k: {row["record_id"]: row["doc"] for row in await self.minted(k)} for k in ("charge", "invoice")},
            "holds": sorted((row["code"], row["subject"], row["amount"]) for row in holds),
            "replicas": {(row["kind"], row["key"]): row["doc"] for row in shown},
        }

    def expected(self) -> dict[str, Any]:
        """The same, on paper."""
        holds = [decision for decision in self.paper.settle() if isinstance(decision, Hold)]
        return {
            **{k: {key: one.doc for key, one in self.paper.records[k].items()} for k in ("charge", "invoice")},
            "holds": sorted({(h.code, h.subject, h.amount) for h in holds}),
            "replicas": {(kind, key): view.doc for (kind, key, _), view in self.paper.replicas.items()},
        }


def in_chunks(chunk: int) -> tuple[Flow, ...]:
    """The firm's flows, planning so many parts at a time."""
    return tuple(replace(f, each=replace(f.each, chunk=chunk)) if f.each is not None else f for f in all_flows())


@asynccontextmanager
async def deep(database: Any, chunk: int = 500) -> AsyncIterator[DeepDesk]:
    erp, hour = Shelf(name="tryton"), Hour()
    firm = replace(FIRM, tenant=TENANT, amendments_apply="automatic")
    async with desk(database, lambda snapshot: (), erp, now=hour) as d:
        d.setup = replace(
            d.setup, firm=firm, flows=in_chunks(chunk), route=firm.system_for,
            describe=lambda change: (f"dev.tieline.{change.kind}.recorded.v1", {}),
        )  # fmt: skip
        await d.rows("select ensure_partitions(%s)", hour.now)
        landscape = {TENANT: d.setup}
        d.worker.landscape = d.worker.pump.landscape = landscape
        d.worker.planner.landscape = landscape
        yield DeepDesk(d, erp, hour, World(firm=firm))
