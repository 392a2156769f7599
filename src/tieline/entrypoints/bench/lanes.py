"""Two deep lanes: a contract with very many time entries, and a rate card that five thousand contracts read.

What is shown is the cost of one change beside the depth of the lane: one more day, an amendment for all days, and the card
changed once. Only records and planning are at work; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tieline.domain.documents import Address
from tieline.domain.firm import Firm, LegalEntity
from tieline.domain.records import Amendment, ClientRecord, Contract, ContractLine, RateChange, TimeEntry
from tieline.engine.planning.parts import part_in
from tieline.engine.records import Arrival, apply_changes
from tieline.engine.rows import tenant_transaction
from tieline.entrypoints.bench.ground import TENANT, Ground, Stopwatch, ground, rss_mb
from tieline.flows.registry import all_flows
from tieline.kit.canonical import plain
from tieline.kit.ids import uuid7
from tieline.kit.money import Money
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Flow, Ref, Snapshot
from tieline.ports.systems import Change

ENTRIES = 100_000
READERS = 5_000
BATCH = 1_000
LANE = "contract:con_1"
Say = Callable[[str], None]
FIRM = Firm(
    tenant=TENANT,
    legal_entities={
        "DE01": LegalEntity(code="DE01", country="DE", currency="EUR", zone="Europe/Berlin", taxes={"STANDARD": Decimal("0.19")})
    },
    roles={"clm": {"*": "free"}, "erp": {"*": "free"}},
    service_lines=frozenset({"DATA"}),
    config_version="1",
    amendments_apply="automatic",
)  # fmt: skip


async def measure(say: Say, size: int = ENTRIES, readers: int = READERS) -> dict[str, Any]:
    """All figures of deep lanes; a hundred thousand entries take about three minutes."""
    deep = await _deep(say, size)
    return {**deep, **await _shared(say, readers)}


async def _deep(say: Say, size: int) -> dict[str, Any]:
    async with ground(all_flows(), FIRM) as g:
        await g.take_shards()
        say("the first entries of a contract")
        await _say(g, [("client_record", _client(), "client:cl_1"), ("contract", _contract(), LANE)])
        few = min(size, BATCH)
        await _say(g, _entries(0, few))
        shallow = await _planned(g)
        one_shallow = await _one_more(g, size + 1)
        say(f"{size:,} of them")
        watch, peak = Stopwatch(), 0.0
        for start in range(few, size, BATCH):
            await _say(g, _entries(start, min(size, start + BATCH)))
            await _planned(g)
            peak = max(peak, rss_mb())
        filled = watch.s
        one_deep = await _one_more(g, size + 2)
        say("an amendment for every day")
        await _say(g, [("amendment", _amendment(), LANE)])
        amended = await _planned(g)
        charges = await g.count("select 1 from records where kind = 'charge'")
    return {
        "entries": size, "charges": charges, "first_thousand_s": round(shallow, 2), "filled_s": round(filled, 2),
        "entries_per_s": round((size - few) / filled, 1) if size > few else None,
        "one_more_at_a_thousand_ms": one_shallow, "one_more_at_the_end_ms": one_deep,
        "one_more_ratio": round(one_deep / one_shallow, 2), "amendment_s": round(amended, 2),
        "amendment_entries_per_s": round(size / amended, 1), "rss_mb": max(peak, rss_mb()),
    }  # fmt: skip


async def _shared(say: Say, readers: int) -> dict[str, Any]:
    flow = Flow(name="priced", root="item", decide=_priced, owner="pmo", within=timedelta(hours=1), context=_reads_card)
    async with ground([flow]) as g:
        await g.take_shards()
        say(f"{readers:,} contracts that read one card, and the same number that do not")
        await _say(
            g, [("card", {"id": "c1", "value": "1"}, "card:c1"), ("card", {"id": "c2", "value": "1"}, "card:c2")]
        )
        for start in range(0, 2 * readers, BATCH):
            rows = range(start, min(2 * readers, start + BATCH))
            cards = ["c1" if n < readers else "c2" for n in rows]
            items = [("item", {"id": f"i{n}", "card": c}, f"item:i{n}") for n, c in zip(rows, cards, strict=True)]
            await _say(g, items)
            await _planned(g)
        before = rss_mb()
        await _say(g, [("card", {"id": "c1", "value": "2"}, "card:c1")])
        spread = await _planned(g)
        reached = await g.count("select 1 from replicas where doc->>'value' = '2'")
    assert reached == readers, f"{reached} of {readers} were reached"
    return {
        "readers": readers, "card_changed_s": round(spread, 2), "readers_per_s": round(readers / spread, 1),
        "card_rss_growth_mb": round(rss_mb() - before, 1),
    }  # fmt: skip


async def _planned(g: Ground) -> float:
    """Seconds until nothing is left to plan."""
    watch = Stopwatch()
    while await g.worker.planner.round():
        continue
    return watch.s


async def _one_more(g: Ground, number: int) -> float:
    """Milliseconds from one more entry to its plan, with the statistics that autovacuum keeps; the best of five."""
    await g.admin.execute("analyze")
    took = []
    for n in range(5):
        watch = Stopwatch()
        await _say(g, _entries(number + n * 10_000_000, number + n * 10_000_000 + 1))
        await _planned(g)
        took.append(watch.s * 1000)
    return round(min(took), 1)


async def _say(g: Ground, facts: Sequence[tuple[str, Any, str]]) -> None:
    arrivals = [
        Arrival(
            change=Change(
                kind=kind, id=_id(fact), lane=lane, source_version=datetime.now(UTC).isoformat(), doc=plain(fact),
                legal_entity="DE01", valid_from=None,
            ),
            system="inbox", input_id=uuid7(), correlation_id=uuid7(), actor="inbox",
        )
        for kind, fact, lane in facts
    ]  # fmt: skip
    async with g.pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
        await apply_changes(cursor, TENANT, arrivals, g.setup.describe, g.clock(), part_in(g.setup))


def _id(fact: Any) -> str:
    return str(fact["id"] if isinstance(fact, dict) else fact.id)


def _priced(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["item"].values():
        card = snapshot.records.get("card", {}).get(record.doc["card"])
        if card is not None:
            target = Target(kind="price", key=record.id, role="store", legal_entity="DE01")
            yield Desired(target=target, doc={"value": card.doc["value"]})


def _reads_card(records: Any) -> list[Ref]:
    return [Ref(kind="card", id=record.doc["card"]) for record in records.get("item", {}).values()]


def _entries(start: int, end: int) -> list[tuple[str, Any, str]]:
    """Two hundred people, a day each in turn."""
    first = datetime(2020, 1, 1, tzinfo=UTC)
    return [
        (
            "time_entry",
            TimeEntry(
                id=f"te_{n}", contract_id="con_1", line_id="L1", resource_id=f"p{n % 200}",
                work_date=(first + timedelta(days=(n // 200) % 2000)).date(), hours=Decimal("0.25"), state="approved",
                approved_by="lead", approved_at=first + timedelta(days=2100), narrative=f"work {n}",
            ),
            LANE,
        )
        for n in range(start, end)
    ]  # fmt: skip


def _contract() -> Contract:
    line = ContractLine(
        id="L1", name="Engineering", service_line="DATA", strategy="time_and_materials", planned_hours=Decimal(100),
        rate=Money.of("200", "EUR"),
    )  # fmt: skip
    return Contract(
        id="con_1", number="C-1", title="Deep", client_id="cl_1", legal_entity="DE01", currency="EUR", tax_code="STANDARD",
        starts_on=date(2019, 1, 1), ends_on=None, state="signed", signed_at=datetime(2018, 12, 1, tzinfo=UTC), lines=(line,),
    )  # fmt: skip


def _client() -> ClientRecord:
    return ClientRecord(
        id="cl_1", name="Deep GmbH", address=Address(street="Kai 1", city="Hamburg", postal_code="20457", country="DE")
    )


def _amendment() -> Amendment:
    change = RateChange(line_id="L1", rate=Money.of("210", "EUR"))
    return Amendment(
        id="am_1", contract_id="con_1", number=1, signed_at=datetime(2026, 1, 5, tzinfo=UTC), effective_from=date(2026, 2, 1),
        effective_to=None, changes=(change,),
    )  # fmt: skip
