"""A generic flow over pools: an item says limits, draws and returns as its document says them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from stepping import Desk, change

from tieline.ports.decisions import Decision, Draw, Hold, Limit, Movement, Return
from tieline.ports.flows import Snapshot


def drawing_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """What is granted in full is minted once; what is not is held with what is missing."""
    for record in snapshot.records.get("item", {}).values():
        doc = record.doc
        for pool, total in doc.get("limits", {}).items():
            yield Limit(
                pool=pool, unit="EUR", total=Decimal(total), basis=record.version, period=doc.get("period"),
                per_period=Decimal(doc["per_period"]) if "per_period" in doc else None,
                opening=Decimal(doc.get("opening", 0)),
            )  # fmt: skip
        for key, said in doc.get("draws", {}).items():
            yield from _draw(snapshot, key, said)
        for key in doc.get("returns", ()):
            if key in snapshot.draws:
                yield Return(key=key)


def _draw(snapshot: Snapshot, key: str, said: dict[str, Any]) -> Iterator[Decision]:
    if key in snapshot.records.get("made", {}):
        return
    amount = Decimal(said["amount"])
    yield Draw(
        pools=tuple(said["pools"]), key=key, amount=amount, unit="EUR", work_on=date.fromisoformat(said["on"]),
        step=Decimal(said["step"]) if "step" in said else None,
    )  # fmt: skip
    view = snapshot.draws.get(key)
    if view is not None and view.granted == amount:
        yield Movement(kind="made", key=key, cause=f"made:{key}", doc={"amount": str(amount)})
    else:
        granted = view.granted if view else Decimal(0)
        yield Hold(
            code="CAP", subject=key, owner="pmo", sentence="It waits.", way_out="Raise it.", evidence={"granted": str(granted)}
        )  # fmt: skip


class Items:
    """Hands in versions of items."""

    def __init__(self, d: Desk) -> None:
        self.d, self.version = d, 0

    async def say(self, name: str, **doc: Any) -> None:
        self.version += 1
        await self.d.apply(change({"id": name, **doc}, self.version))

    async def say_and_plan(self, name: str, **doc: Any) -> None:
        await self.say(name, **doc)
        await self.d.plan()


def draw(amount: str, on: str = "2026-03-02", *pools: str, **more: str) -> dict[str, Any]:
    return {"amount": amount, "on": on, "pools": list(pools or ("po",)), **more}


async def granted(d: Desk) -> dict[str, Decimal]:
    rows = await d.rows("select draw_key, min(granted) as granted from pool_draws group by draw_key order by draw_key")
    return {row["draw_key"]: row["granted"] for row in rows}


async def balances(d: Desk) -> dict[str, Decimal]:
    return {row["pool"]: row["granted"] for row in await d.rows("select pool, granted from pools order by pool")}


async def assert_ledger(d: Desk) -> None:
    """The running figures are the sums of the movements, numbered without a gap; nothing is granted beyond what was asked."""
    wrong = await d.rows(
        "select p.pool from pools p left join pool_movements m using (tenant_id, pool) group by p.tenant_id, p.pool"
        " having p.granted <> coalesce(sum(m.amount), 0) or p.numbered <> count(m.number)"
        " or p.numbered <> coalesce(max(m.number), 0)"
        " union all select d.pool from pool_draws d left join pool_movements m using (tenant_id, pool, draw_key)"
        " group by d.tenant_id, d.pool, d.draw_key having d.granted <> coalesce(sum(m.amount), 0)"
    )
    assert wrong == []
