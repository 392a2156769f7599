"""C3, O3: from drift of each class to a vendor that is healed: found, shown, ordered, pushed, and in step at the next census."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from census_firm import TENANT, Firm, client
from drift_planted import plant

from tieline import sdk
from tieline.engine.rows import tenant_transaction
from tieline.kit.errors import Conflict
from tieline.kit.money import Money
from tieline.ports.landscape import Cadence
from tieline.reconciliation import views
from tieline.twins.process import Served

ORDERED = {"differs": "rewrite", "stale": "rewrite", "missing": "recreate", "duplicate": "none", "orphan": "none"}


def wire_of(firm: Firm) -> Any:
    return firm.system.source._wire  # type: ignore[attr-defined]


async def by_class(firm: Firm, run: Any, *, apply: bool) -> dict[str, set[str]]:
    """drift -> the actions that its repair plan has for it."""
    actions: dict[str, set[str]] = {}
    for item in await firm.repair(run, apply=apply):
        actions.setdefault(item.drift, set()).add(item.action)
    return actions


async def test_C3_every_class_of_drift_is_followed_to_the_healed_vendor(accounts: Firm, netsuite_twin: Served) -> None:
    clients = [client(n) for n in range(60)]
    await accounts.put("client", clients)
    await accounts.plan("client", clients)
    planted = await plant(accounts, netsuite_twin, clients)
    run = await accounts.run("client")
    assert await accounts.drift(run) == planted
    await a_person_allows(accounts, run)

    assert await by_class(accounts, run, apply=False) == {kind: {action} for kind, action in ORDERED.items()}
    before = len(netsuite_twin.journal())
    await accounts.push()
    assert len(netsuite_twin.journal()) == before  # a dry run reaches nobody

    await by_class(accounts, run, apply=True)
    await accounts.push()
    sent = [entry["natural_key"] for entry in netsuite_twin.journal()[before:]]
    assert sorted(sent) == sorted(key for key, kind in planted.items() if ORDERED[kind] != "none")
    rows = await accounts.rows("select key, doc->>'name' as name from replicas where key = any(%s)", sent)
    for row in rows:
        record = await wire_of(accounts).record("customer", f"eid:{row['key']}", "companyName")
        assert record["companyName"] == row["name"]

    left = {key: kind for key, kind in planted.items() if ORDERED[kind] == "none"}
    assert await accounts.drift(await accounts.run("client")) == left
    assert await accounts.holds() == {key: f"DRIFT_{kind.upper()}" for key, kind in left.items()}
    await a_person_tidies_up(accounts, left)
    assert await accounts.drift(await accounts.run("client")) == {}
    assert await accounts.holds() == {}
    assert await accounts.rows("select 1 from replicas where status <> 'in_step'") == []


async def a_person_allows(firm: Firm, run: Any) -> None:
    """So much is gone that nothing was told or ordered yet."""
    assert list((await firm.holds()).values()) == ["DRIFT_TOO_MUCH"]
    with pytest.raises(Conflict, match="too much is gone"):
        await firm.repair(run)
    assert await firm.rows("select 1 from due") == []
    async with firm.pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
        assert await views.allow(cursor, TENANT, run, "ada")
    await firm.finish()


async def a_person_tidies_up(firm: Firm, left: dict[str, str]) -> None:
    """Of two under one mark the one goes that the hub does not know; a stranger goes whole."""
    (known,) = [await firm.rows("select key, external->>'id' as id from replicas")]
    ours = {row["key"]: row["id"] for row in known}
    page = await firm.system.list_documents("client", sdk.ListOrder(markers=tuple(left)))  # type: ignore[attr-defined]
    for row in page.rows:
        if row.ref.id != ours.get(row.marker):
            await wire_of(firm).delete("customer", row.ref.id)


def draft(number: int) -> sdk.Invoice:
    money = Money(Decimal("100.00"), "USD")
    line = sdk.InvoiceLine(
        position=1, description="Consulting", quantity=Decimal(1), unit_price=Decimal(100), amount=money, charge_ids=(),
        work_element_id=sdk.stable_id("wel", str(number)),
    )  # fmt: skip
    return sdk.Invoice(
        id=sdk.stable_id("inv", str(number)), contract_id="con", project_id="prj", client_id=client(number).id,
        legal_entity="US01", currency="USD", invoice_date=date(2026, 3, 2), tax_code="STANDARD", tax_rate=Decimal("0.2"),
        lines=(line,), net=money, tax=Money(Decimal("20.00"), "USD"), total=Money(Decimal("120.00"), "USD"),
    )  # fmt: skip


async def came_late(firm: Firm, invoice: sdk.Invoice) -> None:
    """The draft was taken back, and the call that made it was executed once more afterwards."""
    lines = {"items": [{"item": {"id": "501"}, "quantity": 1, "amount": 100, "taxCode": {"id": "7"}}]}
    record = {"entity": {"externalId": invoice.client_id}, "tranDate": str(invoice.invoice_date), "item": lines}
    await wire_of(firm).upsert("invoice", invoice.id, record)
    await firm.plan("invoice", [invoice], status="ended", ended="cancel", nature="movement")


async def test_D8_a_draft_that_was_taken_back_and_came_again_is_withdrawn_and_what_is_in_step_stays(
    accounts: Firm, netsuite_twin: Served
) -> None:
    invoices = [draft(n) for n in range(3)]
    await accounts.put("client", [client(n) for n in range(3)])
    for each in invoices:
        await came_late(accounts, each)
    run = await accounts.run("invoice")
    assert await accounts.drift(run) == {each.id: "orphan" for each in invoices}
    assert {item.action for item in await accounts.repair(run, apply=False)} == {"withdraw"}
    accounts.configure(census={("erp", "invoice"): Cadence(retract_max=2)})
    with pytest.raises(Conflict, match="take back 3 documents, more than 2"):
        await accounts.repair(run)
    assert await accounts.rows("select 1 from due") == []
    accounts.configure(census={("erp", "invoice"): Cadence(retract_max=3)})
    await accounts.repair(run)
    await accounts.push()
    for each in invoices:
        assert await wire_of(accounts).record("invoice", f"eid:{each.id}", "tranDate") is None
    assert await accounts.drift(await accounts.run("invoice")) == {}
    assert await accounts.holds() == {}
