"""The real flows on the real engine: two contracts under caps that share one purchase order, and an ERP in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from stepping import Desk, Shelf, desk
from world import TENANT

from flows.world import FIRM, NOON, amendment, client, contract, entry, eur, line, request
from tieline.domain.records import PurchaseOrder
from tieline.engine.planning.planner import Planner
from tieline.flows.registry import all_flows
from tieline.kit.canonical import plain
from tieline.kit.errors import Conflict
from tieline.kit.ids import uuid7
from tieline.ports.systems import Change

FIRM_HERE = replace(FIRM, tenant=TENANT, amendments_apply="automatic")
__all__ = ["amendment", "client", "contract", "entry", "eur", "line", "request"]


class Firm:
    """Says records and lets the worker go step by step."""

    def __init__(self, d: Desk, erp: Shelf) -> None:
        self.d, self.erp, self.version = d, erp, 0

    async def say(self, kind: str, record: Any, lane: str) -> None:
        self.version += 1
        await self.d.apply(
            Change(
                kind=kind, id=record.id, lane=lane, source_version=f"{self.version:08d}", doc=plain(record),
                legal_entity="DE01", valid_from=None,
            )
        )  # fmt: skip

    async def order(self, amount: str, **more: Any) -> None:
        given = PurchaseOrder(id="po_1", number="4500-1", client_id="cl_1", amount=eur(amount), **more)
        await self.say("purchase_order", given, "purchase_order:po_1")

    async def contract(self, id: str, cap: str | None, **more: Any) -> None:
        await self.say("client_record", client(), "client:cl_1")
        given = contract(line(), id=id, number=id, cap=eur(cap) if cap else None, **more)
        await self.say("contract", given, f"contract:{id}")

    async def amend(self, contract_id: str, number: int, cap: str) -> None:
        given = amendment(
            number, contract_id=contract_id, id=f"am_{contract_id}_{number}", changes=(), cap=eur(cap), frm="2026-01-01"
        )
        signed = replace(given, signed_at=NOON - timedelta(days=30) + timedelta(minutes=number))
        await self.say("amendment", signed, f"contract:{contract_id}")

    async def worked(self, contract_id: str, id: str, hours: str, day: str = "2026-03-02", **more: Any) -> None:
        given = entry(id, day, hours, contract_id=contract_id, resource_id=f"r_{id}", **more)
        await self.say("time_entry", given, f"contract:{contract_id}")

    async def ask_invoice(self, contract_id: str, id: str) -> None:
        await self.say("invoice_request", request(id, contract_id=contract_id), f"contract:{contract_id}")

    async def release_all(self) -> int:
        """Finance says yes to whatever waits for it."""
        waiting = await self.d.rows(
            "select lane, subject, evidence from holds where code = 'AWAITING_RELEASE' and lifted_at is null"
        )
        for row in waiting:
            try:
                await self.d.commands.approve(
                    TENANT, row["lane"], row["subject"], row["evidence"]["digest"], "fiona", uuid7()
                )
            except Conflict:
                continue  # it has changed since
        return len(waiting)

    async def figures(self, contract_id: str) -> dict[str, Decimal]:
        """M2 in money: every approved hour is charged or beyond a limit, every charge billed or unbilled."""
        lane = f"contract:{contract_id}"
        charges = await self.d.rows("select doc from records where lane = %s and kind = 'charge'", lane)
        invoices = await self.d.rows("select doc from records where lane = %s and kind = 'invoice'", lane)
        billed = {c for row in invoices for one in row["doc"]["lines"] for c in one["charge_ids"]}
        held = await self.d.rows(
            "select amount from holds where lane = %s and lifted_at is null and subject like 'time_entry:%%'"
            " and code in ('NTE_EXCEEDED', 'PO_INSUFFICIENT')",
            lane,
        )
        amounts = {row["doc"]["id"]: Decimal(row["doc"]["amount"]["amount"]) for row in charges}
        return {
            "charged": sum(amounts.values(), Decimal(0)),
            "invoiced": sum((a for c, a in amounts.items() if c in billed), Decimal(0)),
            "excess": sum((row["amount"] for row in held), Decimal(0)),
        }

    async def pools(self) -> dict[str, tuple[Decimal, Decimal | None]]:
        rows = await self.d.rows("select pool, granted, total from pools order by pool")
        return {row["pool"]: (row["granted"], row["total"]) for row in rows}

    async def posted(self) -> Decimal:
        """Net of what was ordered to be posted, as the ERP's own shelf has it."""
        ordered = {put.doc["invoice_id"] for put in self.erp.puts if put.kind == "invoice_posting"}
        drafts = {put.doc["id"]: put.doc for put in self.erp.puts if put.kind == "invoice"}
        return sum((Decimal(drafts[one]["net"]["amount"]) for one in ordered), Decimal(0))


@asynccontextmanager
async def firm(database: Any) -> AsyncIterator[Firm]:
    erp = Shelf(name="tryton")
    async with desk(database, lambda snapshot: (), erp) as d:
        d.setup = replace(
            d.setup, firm=FIRM_HERE, flows=all_flows(), route=FIRM_HERE.system_for,
            describe=lambda change: (f"dev.tieline.{change.kind}.recorded.v1", {}),
        )  # fmt: skip
        landscape = {TENANT: d.setup}
        worker = d.worker
        worker.landscape = worker.pump.landscape = landscape
        worker.planner = Planner(worker.loans, worker.leases, landscape, d.now, worker.pump)
        yield Firm(d, erp)
