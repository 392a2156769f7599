"""Whatever arrives in whatever order: the same decisions for the same snapshot, and every charge on exactly one invoice."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.flows.registry import all_flows
from tieline.kit.canonical import encode, plain

from .world import NOON, World, amendment, client, contract, day, desired, entry, line, request

_STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("work"),
            st.integers(0, 60),  # days into the year
            st.sampled_from(["0.5", "0.25", "1.75", "7.37", "8"]),
            st.sampled_from(["L1", "L2", "L9"]),
        ),
        st.tuples(st.just("ask"), st.integers(0, 60)),
        st.tuples(
            st.just("amend"), st.integers(1, 4), st.integers(0, 60), st.sampled_from(["185.25", "210", "33.333333"])
        ),
        st.tuples(st.just("release")),
        st.tuples(st.just("differ")),
    ),
    max_size=14,
)


def played(steps: list[tuple[Any, ...]]) -> World:
    world = World().add(contract(line("L1", "185.25"), line("L2", "99.999999")), client())
    for n, step in enumerate(steps):
        match step:
            case ("work", days, hours, of_line):
                worked = str(day("2026-01-01") + timedelta(days=days))
                world.add(entry(f"te_{n}", worked, hours, line_id=of_line, resource_id=f"person_{n % 3}"))
            case ("ask", days):
                through = str(day("2026-01-01") + timedelta(days=days))
                world.add(request(f"rq_{n}", through), request(f"rq_{n}_again", through))
            case ("amend", number, days, rate):
                start = str(day("2026-01-01") + timedelta(days=days))
                world.add(amendment(number, rate, start, signed_at=NOON - timedelta(days=40 - n)))
            case ("release",):
                for invoice in world.invoices():
                    world.approve(f"invoice:{invoice['id']}", invoice)
            case ("differ",):
                for draft in desired(world.say(), "invoice")[:1]:
                    world.confirm(draft, sees={"total": {"amount": "0.01", "currency": "EUR"}}, status="differs")
        world.say()
    return world


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_M2_every_charge_stands_on_at_most_one_live_invoice_and_no_money_is_lost_or_made(
    steps: list[tuple[Any, ...]],
) -> None:
    world = played(steps)
    withdrawn = {r.doc["invoice_id"] for r in world.records["invoice_withdrawal"].values()}
    live = [invoice for invoice in world.invoices() if invoice["id"] not in withdrawn]
    billed = Counter(charge for i in live for row in i["lines"] for charge in row["charge_ids"])
    charges = {key: Decimal(record.doc["amount"]["amount"]) for key, record in world.records["charge"].items()}
    assert set(billed.values()) <= {1} and set(billed) <= set(charges)
    unbilled = sum((amount for key, amount in charges.items() if key not in billed), Decimal(0))
    net = sum((Decimal(invoice["net"]["amount"]) for invoice in live), Decimal(0))
    assert net + unbilled == sum(charges.values(), Decimal(0))
    entries = Counter(record.doc["time_entry_id"] for record in world.records["charge"].values())
    assert set(entries.values()) <= {1}


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_every_line_of_an_invoice_is_quantity_times_price_rounded_as_each_erp_computes_it(
    steps: list[tuple[Any, ...]],
) -> None:
    for invoice in played(steps).invoices():
        assert Decimal(invoice["total"]["amount"]) == Decimal(invoice["net"]["amount"]) + Decimal(
            invoice["tax"]["amount"]
        )
        for row in invoice["lines"]:
            computed = (Decimal(row["quantity"]) * Decimal(row["unit_price"])).quantize(
                Decimal("0.01"), "ROUND_HALF_UP"
            )
            assert computed == Decimal(row["amount"]["amount"])


@settings(max_examples=40, deadline=None)
@given(_STEPS)
def test_A4_the_same_snapshot_always_gives_the_same_decisions(steps: list[tuple[Any, ...]]) -> None:
    snapshot = played(steps).snapshot()
    first, again = ([plain(d) for flow in all_flows() for d in flow.decide(snapshot)] for _ in range(2))
    assert encode(first) == encode(again)


@settings(max_examples=30, deadline=None)
@given(_STEPS, st.randoms(use_true_random=False))
def test_the_order_of_records_in_a_snapshot_does_not_matter(steps: list[tuple[Any, ...]], random: Any) -> None:
    world = played(steps)
    before = [plain(d) for flow in all_flows() for d in flow.decide(world.snapshot())]
    for kind, rows in list(world.records.items()):
        shuffled = list(rows.items())
        random.shuffle(shuffled)
        world.records[kind] = dict(shuffled)
    assert encode([plain(d) for flow in all_flows() for d in flow.decide(world.snapshot())]) == encode(before)
