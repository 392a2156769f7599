"""Two deep lanes: a contract with very many time entries, and a rate card that five thousand contracts read.

What is shown is the cost of one change beside the depth of the lane: one more day, an amendment that concerns all days, and
a card changed once. Only records and planning are at work; nothing is sent. The first thousand entries are taken in by the
engine, and so is all that is timed; the history in between is laid out as the engine would have left it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tieline.domain.documents import Address
from tieline.domain.firm import Firm, LegalEntity
from tieline.domain.records import Amendment, ClientRecord, Contract, ContractLine, RateChange, TimeEntry
from tieline.engine.planning.parts import part_in
from tieline.engine.records import Arrival, apply_changes
from tieline.engine.rows import tenant_transaction
from tieline.entrypoints.bench.deep import deepen
from tieline.entrypoints.bench.ground import TENANT, Ground, Stopwatch, ground, peak_memory, rss_mb
from tieline.entrypoints.bench.progress import Progress
from tieline.flows.parts import BY_DAY
from tieline.flows.registry import all_flows
from tieline.kit.canonical import plain
from tieline.kit.ids import uuid7
from tieline.kit.money import Money
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Flow, Ref, Snapshot
from tieline.ports.systems import Change

ENTRIES = 100_000
READERS = 5_000
FEWER = 100  # one reader of the third card for so many of the first
BATCH = 1_000
MORE = 5
SWEEP_S = 60.0
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
    """All figures of deep lanes; a hundred thousand entries take about a minute and a half."""
    deep = await _deep(say, size)
    return {**deep, **await _shared(say, readers)}


async def _deep(say: Say, size: int) -> dict[str, Any]:
    async with ground(all_flows(), FIRM) as g:
        await g.take_shards()
        few = min(size, BATCH)
        say(f"the first {few:,} entries of a contract")
        await _say(g, [("client_record", _client(), "client:cl_1"), ("contract", _contract(), LANE)])
        await _planned(g)
        watch = Stopwatch()
        await _say(g, entries(0, few))
        await _planned(g)
        first_s = watch.s
        shallow = await _one_more(g, size)
        watch = Stopwatch()
        if size > few:
            progress = Progress(what="laying out", total=size - few, say=say)
            await deepen(g, LANE, (entry for _, entry, _ in entries(few, size)), size - few, progress)
        laid_out_s, before = watch.s, rss_mb()
        async with peak_memory() as peak:
            deep = await _one_more(g, size + MORE)
            say("an amendment that concerns every day")
            await _say(g, [("amendment", _amendment(), LANE)])
            seconds, swept = await _swept(g, say)
        charges = await g.count("select 1 from records where kind = 'charge'")
    return {
        "entries": size, "charges": charges, "first_entries": few, "first_per_s": round(few / first_s, 1),
        "laid_out_s": round(laid_out_s, 1), "one_more_at_first_ms": shallow, "one_more_at_the_end_ms": deep,
        "one_more_ratio": round(deep / shallow, 2), "amendment_swept": swept, "amendment_s": round(seconds, 2),
        "amendment_entries_per_s": round(swept / seconds, 1), "rss_before_mb": before, "rss_mb": peak(),
    }  # fmt: skip


async def _swept(g: Ground, say: Say) -> tuple[float, int]:
    """Plan until all days were planned under the new terms, for a minute at most: (seconds, entries that were)."""
    (days,) = await g.rows("select count(distinct part) as n from records where kind = 'time_entry'")
    watch, progress = Stopwatch(), Progress(what="amending days", total=days["n"], say=say)
    while await g.worker.planner.round() and watch.s < SWEEP_S:
        progress.add(BY_DAY.chunk)
    seconds, at = watch.s, await _sweep(g)
    if at is None:
        return seconds, await g.count("select 1 from records where kind = 'time_entry'")
    return seconds, await g.count("select 1 from records where kind = 'time_entry' and part <= %s", at)


async def _sweep(g: Ground) -> str | None:
    (row,) = await g.rows("select sweep from lanes where lane = %s", LANE)
    return None if row["sweep"] is None else str(row["sweep"])


async def _shared(say: Say, readers: int) -> dict[str, Any]:
    """Three cards: one that many read, one that few read, and one that as many read and that does not change."""
    flow = Flow(name="priced", root="item", decide=_priced, owner="pmo", within=timedelta(hours=1), context=_reads_card)
    few = max(1, readers // FEWER)
    async with ground([flow]) as g:
        await g.take_shards()
        say(f"{readers:,} contracts that read one card, as many that read another, and {few:,} that read a third")
        for card in ("many", "other", "few"):
            await _say(g, [("card", {"id": card, "value": "1"}, f"card:{card}")])
        cards = ["many"] * readers + ["other"] * readers + ["few"] * few
        for start in range(0, len(cards), BATCH):
            rows = list(enumerate(cards))[start : start + BATCH]
            await _say(g, [("item", {"id": f"i{n}", "card": card}, f"item:i{n}") for n, card in rows])
            await _planned(g)
        await g.admin.execute("analyze")
        before = rss_mb()
        async with peak_memory() as peak:
            few_s = await _changed(g, "few", few)
            many_s = await _changed(g, "many", readers)
        untouched = await g.count("select 1 from replicas where revision = 1")
    assert untouched == readers, f"{untouched} of {readers} that read another card were left alone"
    per_few, per_many = few_s / few, many_s / readers
    return {
        "readers": readers, "card_changed_s": round(many_s, 2), "readers_per_s": round(1 / per_many, 1),
        "few_readers": few, "few_changed_s": round(few_s, 3), "cost_per_reader_ratio": round(per_many / per_few, 2),
        "untouched": untouched, "card_rss_growth_mb": round(peak() - before, 1),
    }  # fmt: skip


async def _changed(g: Ground, card: str, readers: int) -> float:
    """Seconds from a card's new version until every reader was planned on it."""
    watch = Stopwatch()
    await _say(g, [("card", {"id": card, "value": "2"}, f"card:{card}")])
    await _planned(g)
    seconds = watch.s
    reached = await g.count("select 1 from replicas where doc->>'value' = '2' and revision = 2")
    expected = readers if card == "few" else readers + max(1, readers // FEWER)
    assert reached == expected, f"{reached} of {expected} were reached"
    return seconds


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
    for n in range(number, number + MORE):
        watch = Stopwatch()
        await _say(g, entries(n, n + 1))
        await _planned(g)
        took.append(watch.s * 1000)
    return round(min(took), 1)


async def _say(g: Ground, facts: Iterable[tuple[str, Any, str]]) -> None:
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


def entries(start: int, end: int) -> Iterator[tuple[str, Any, str]]:
    """Two hundred people, a day each in turn."""
    first = datetime(2020, 1, 1, tzinfo=UTC)
    for n in range(start, end):
        entry = TimeEntry(
            id=f"te_{n}", contract_id="con_1", line_id="L1", resource_id=f"p{n % 200}",
            work_date=(first + timedelta(days=(n // 200) % 2000)).date(), hours=Decimal("0.25"), state="approved",
            approved_by="lead", approved_at=first + timedelta(days=2100), narrative=f"work {n}",
        )  # fmt: skip
        yield "time_entry", entry, LANE


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
