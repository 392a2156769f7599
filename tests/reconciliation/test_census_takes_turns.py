"""A scheduler's census and a worker's pushes share what the vendor bears: never more at once than declared, and both end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from census_firm import TENANT, Firm, client, now

from tieline import sdk
from tieline.connectors.netsuite.mapping import from_client
from tieline.connectors.netsuite.settings import tables
from tieline.engine.budgets.owned import own_budgets
from tieline.ports.limits import Allowance, Limits
from tieline.ports.systems import Envelope, ExternalRef, Listing, ListOrder
from tieline.reconciliation.census import Census
from tieline.sdk.system import ConnectedSystem
from tieline.twins.process import Served

SLOTS = 4
POPULATION = 6_000  # six pages and a rest
PUSHES = 30


class Counted(ConnectedSystem):
    """The same system, counting the calls that are under way."""

    def __init__(self, inner: ConnectedSystem) -> None:
        vars(self).update(vars(inner))
        self.at_once, self.most, self.most_pages, self.pages = 0, 0, 0, 0

    async def put(self, envelope: Envelope) -> ExternalRef:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            return await super().put(envelope)
        finally:
            self.at_once -= 1

    async def list_documents(self, kind: str, order: ListOrder) -> Listing:
        self.at_once, self.pages = self.at_once + 1, self.pages + 1
        self.most, self.most_pages = max(self.most, self.at_once), max(self.most_pages, self.pages)
        try:
            return await super().list_documents(kind, order)
        finally:
            self.at_once, self.pages = self.at_once - 1, self.pages - 1


def there_already(firm: Firm, twin: Served, clients: list[sdk.Client]) -> None:
    """In the account, thousands in one call."""
    assert isinstance(firm.system, ConnectedSystem)
    names = tables(firm.system.source.settings, {})  # type: ignore[arg-type]
    records = [{**from_client(sdk.plain(each), names), "externalId": each.id} for each in clients]
    ids = twin.control("fill", {"customer": records})["customer"]
    firm.refs |= {each.id: ExternalRef(id=id) for each, id in zip(clients, ids, strict=True)}


async def test_V3_a_census_beside_pushes_stays_within_the_limit_and_within_half_of_it_and_both_end(
    accounts: Firm, netsuite_twin: Served
) -> None:
    clients = [client(n) for n in range(POPULATION)]
    there_already(accounts, netsuite_twin, clients)
    await accounts.plan("client", clients)
    changed = [replace(each, name=f"{each.name} anew") for each in clients[:PUSHES]]
    await accounts.plan("client", changed, revision=2, status="pending")
    await accounts.rows(
        "update replicas set settled_revision = 1, confirmed_revision = 1 where status = 'pending' returning 1"
    )
    await accounts.rows(
        "insert into due (tenant_id, replica_id, system, shard, step, priority)"
        " select tenant_id, replica_id, system, shard, 'push', 5 from replicas where status = 'pending' returning 1"
    )
    assert isinstance(accounts.system, ConnectedSystem)
    counted = Counted(accounts.system)
    allowance = Allowance(budget="erp", limits=Limits(concurrency=SLOTS), meter=counted.meter)
    accounts.configure(systems={"erp": counted}, allowances={"erp": allowance})
    netsuite_twin.control("latency", {"ms": 60})
    try:
        run = await accounts.begin("client")
        async with own_budgets(accounts.pool, {TENANT: accounts.setup}, "scheduler") as budgets:
            census = Census(accounts.pool, {TENANT: accounts.setup}, now, budgets)
            await asyncio.gather(accounts.push(), ended(accounts, census))
    finally:
        netsuite_twin.control("latency", {"ms": 0})
    assert counted.most <= SLOTS
    assert 1 <= counted.most_pages <= SLOTS // 2
    assert await accounts.drift(run) == {}
    assert await accounts.rows("select 1 from replicas where status <> 'in_step'") == []
    assert await accounts.rows("select 1 from budget_shares where worker_id = 'scheduler'") == []
    assert await accounts.rows("select turned_away from budgets where budget = 'erp'") == [{"turned_away": 0}]


async def ended(firm: Firm, census: Census) -> None:
    async with asyncio.timeout(60):
        while await firm.rows("select 1 from census_runs where state <> 'done'"):
            if not await census.round():
                await asyncio.sleep(0.05)


async def test_the_parts_of_a_listing_hold_every_document_once_whoever_is_between_ours(
    accounts: Firm, netsuite_twin: Served
) -> None:
    """Strangers lie between ours, so that parts hold more than a page: what is left of one goes on in the next."""
    clients = [client(n) for n in range(2_400)]
    there_already(accounts, netsuite_twin, clients)
    ours = [each for n, each in enumerate(clients) if n % 3]
    await accounts.plan("client", ours)
    run = await accounts.run("client")
    found = await accounts.drift(run)
    assert set(found.values()) == {"orphan"}
    assert len(found) == len(clients) - len(ours)
    (row,) = await accounts.rows("select listed, compared from census_runs")
    assert (row["listed"], row["compared"]) == (len(clients), len(ours))
