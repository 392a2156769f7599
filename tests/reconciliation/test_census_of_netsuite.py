"""C3: the census finds every planted drift and no other, while people work there and pages shift under the reader."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from census_firm import TENANT, Firm, client
from drift_planted import plant

from tieline.engine.rows import tenant_transaction
from tieline.ports.landscape import Cadence
from tieline.ports.systems import Listing, ListOrder
from tieline.reconciliation import views
from tieline.sdk.system import ConnectedSystem
from tieline.twins.process import Served

POPULATION = 2_500


class Torn(ConnectedSystem):
    """The same system read through bad pages: rows missing, rows twice, and somebody at work between two of them (F12)."""

    def __init__(self, inner: ConnectedSystem, seed: int, between: Any) -> None:
        vars(self).update(vars(inner))
        self._chance, self._between, self._last = random.Random(seed), between, ()

    async def list_documents(self, kind: str, order: ListOrder) -> Listing:
        page = await super().list_documents(kind, order)
        if order.markers:
            return page
        rows = [row for row in page.rows if self._chance.random() > 0.01]  # fell out between two pages
        rows += [row for row in self._last if self._chance.random() < 0.1]  # seen before already
        self._last = page.rows
        await self._between()
        return Listing(rows=tuple(rows), token=page.token)


async def test_C3_D8_planted_drift_is_found_whole_and_nothing_else_under_concurrent_change_and_shifting_pages(
    accounts: Firm, netsuite_twin: Served
) -> None:
    clients = [client(n) for n in range(POPULATION)]
    await accounts.put("client", clients)
    await accounts.plan("client", clients)
    planted = await plant(accounts, netsuite_twin, clients)
    at_work = iter(clients[POPULATION // 2 :])

    async def somebody_works() -> None:
        """Ordinary changes go on: planned, sent and confirmed while the census reads."""
        some = [replace(next(at_work), name="Changed while you look") for _ in range(20)]
        await accounts.put("client", some[:15])
        await accounts.plan("client", some[:15], revision=2)
        await accounts.plan("client", some[15:], revision=2, status="sending")

    assert isinstance(accounts.system, ConnectedSystem)
    accounts.configure(systems={"erp": Torn(accounts.system, seed=7, between=somebody_works)})
    run = await accounts.run("client")
    assert await accounts.drift(run) == planted
    holds = await accounts.holds()
    assert holds == {key: f"DRIFT_{kind.upper()}" for key, kind in planted.items()}
    (row,) = await accounts.rows("select state, listed, moving from census_runs")
    assert row["state"] == "done" and row["moving"] >= 40
    assert await accounts.rows("select 1 from census_seen") == []


async def test_C3_a_second_census_of_a_firm_in_step_finds_nothing_and_lifts_what_was_put_right(
    accounts: Firm, netsuite_twin: Served
) -> None:
    clients = [client(n) for n in range(12)]
    await accounts.put("client", clients)
    await accounts.plan("client", clients)
    assert isinstance(accounts.system, ConnectedSystem)
    wire: Any = accounts.system.source._wire  # type: ignore[attr-defined]
    await wire.change("customer", f"eid:{clients[0].id}", {"companyName": "Mistyped"})
    stranger = client(77)
    await accounts.put("client", [stranger])
    first = await accounts.run("client")
    assert await accounts.drift(first) == {clients[0].id: "differs", stranger.id: "orphan"}
    await wire.change("customer", f"eid:{clients[0].id}", {"companyName": clients[0].name})
    await wire.delete("customer", f"eid:{stranger.id}")
    second = await accounts.run("client")
    assert (await accounts.drift(second), await accounts.holds()) == ({}, {})
    assert await accounts.rows("select 1 from replicas where status <> 'in_step'") == []


async def test_O4_what_was_written_and_is_seen_as_planned_counts_as_read_back(accounts: Firm) -> None:
    written, unread = client(1), client(2)
    await accounts.put("client", [written])
    await accounts.plan("client", [written, unread], status="written")
    await accounts.rows(
        "update replicas set confirmed_revision = 0, updated_at = now() - interval '1 hour' returning 1"
    )
    await accounts.run("client")
    rows = await accounts.rows("select key, status, confirmed_revision from replicas")
    assert {(row["key"], row["status"], row["confirmed_revision"]) for row in rows} == {
        (written.id, "in_step", 1),
        (unread.id, "written", 0),
    }


async def test_F11_a_locked_record_that_drops_out_of_searches_is_not_called_missing(
    accounts: Firm, netsuite_twin: Served
) -> None:
    clients = [client(n) for n in range(3)]
    await accounts.put("client", clients)
    await accounts.plan("client", clients)
    netsuite_twin.control("lock", {"kind": "customer", "address": f"eid:{clients[0].id}", "locked": True})
    run = await accounts.run("client")
    assert await accounts.drift(run) == {}
    assert await accounts.rows("select state from census_drift") == [{"state": "unchecked"}]


@pytest.mark.parametrize("limit", [4, 40])
async def test_a_census_that_would_call_too_much_gone_stops_and_asks_before_it_changes_anything(
    accounts: Firm, limit: int
) -> None:
    clients = [client(n) for n in range(30)]
    await accounts.put("client", clients[10:])
    await accounts.plan("client", clients)
    accounts.configure(census={("erp", "client"): Cadence(retract_max=limit, missing="accept")})
    run = await accounts.run("client")
    (row,) = await accounts.rows("select state, problem from census_runs")
    assert row["state"] == "stopped" and row["problem"].startswith("10 of 30 documents of the kind client are gone")
    assert await accounts.holds() == {"client": "DRIFT_TOO_MUCH"}
    assert await accounts.rows("select 1 from replicas where status <> 'in_step'") == []
    async with accounts.pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
        assert await views.allow(cursor, TENANT, run, "ada")
    await accounts.finish()
    gone = await accounts.rows("select key from replicas where status = 'ended' and ended = 'leave' order by key")
    assert [row["key"] for row in gone] == sorted(each.id for each in clients[:10])


async def test_O3_a_field_that_the_system_owns_is_never_drift_and_never_overwritten(accounts: Firm) -> None:
    theirs, both, ours = client(1), client(2), client(3)
    await accounts.put("client", [theirs, both, ours])
    await accounts.plan("client", [theirs, both, ours])
    assert isinstance(accounts.system, ConnectedSystem)
    wire: Any = accounts.system.source._wire  # type: ignore[attr-defined]
    for each in (theirs, both):
        await wire.change("customer", f"eid:{each.id}", {"defaultTaxReg": "theirs"})
    for each in (both, ours):
        await wire.change("customer", f"eid:{each.id}", {"companyName": "not what was planned"})
    accounts.configure(owns=lambda system, kind, field, legal_entity: field == "tax_registration")
    run = await accounts.run("client")
    assert await accounts.drift(run) == {both.id: "differs", ours.id: "differs"}
    plan = {item.replica_id.rpartition("/")[2]: item for item in await accounts.repair(run, apply=False)}
    assert (plan[ours.id].action, plan[both.id].action) == ("rewrite", "none")
    assert "owns tax_registration" in plan[both.id].reason
    assert await accounts.rows("select 1 from due") == []  # a dry run orders nothing
    await accounts.repair(run)
    due = await accounts.rows("select replica_id, step from due")
    assert due == [{"replica_id": f"erp/client/{ours.id}", "step": "push"}]


async def test_a_repair_makes_state_again_under_a_new_revision_and_leaves_money_to_a_person(accounts: Firm) -> None:
    state, movement = client(1), client(2)
    await accounts.plan("client", [state])
    await accounts.plan("client", [movement], nature="movement")
    run = await accounts.run("client")
    assert await accounts.drift(run) == {state.id: "missing", movement.id: "missing"}
    plan = {item.replica_id.rpartition("/")[2]: item for item in await accounts.repair(run)}
    assert (plan[state.id].action, plan[movement.id].action) == ("recreate", "none")
    rows = await accounts.rows(
        "select r.key, r.status, r.revision, r.external, d.step from replicas r left join due d using (replica_id)"
    )
    assert {row["key"]: (row["status"], row["revision"], row["external"], row["step"]) for row in rows} == {
        state.id: ("pending", 2, None, "push"),
        movement.id: ("differs", 1, None, None),
    }
    assert await accounts.repair(run) != [] and await accounts.rows("select 1 from replicas where revision > 2") == []


async def test_a_changed_since_listing_never_calls_what_it_does_not_show_missing(accounts: Firm) -> None:
    clients = [client(n) for n in range(4)]
    await accounts.put("client", clients[1:])
    await accounts.plan("client", clients)
    assert isinstance(accounts.system, ConnectedSystem)
    wire: Any = accounts.system.source._wire  # type: ignore[attr-defined]
    await wire.change("customer", f"eid:{clients[1].id}", {"companyName": "Mistyped"})
    (row,) = await accounts.rows("select now() as now")
    run = await accounts.run("client", "changed", changed_since=row["now"])
    assert await accounts.drift(run) == {clients[1].id: "differs"}
