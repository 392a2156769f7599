"""What is written comes back field by field in our own spelling, from the account and not from our memory."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import netsuite_documents as d
import pytest

from tieline import sdk
from tieline.connectors.netsuite import NetSuite
from tieline.sdk.system import ConnectedSystem
from tieline.twins.process import Served

CARRIED_NOT = {
    "client": {"tax_code"},
    "project": {"contract_id"},
    "work_element": set(),
    "billing_rule": {"unit"},
    "time_charge": {"time_entry_id", "amount"},
    "invoice": {"contract_id"},
    "invoice_posting": set(),
}


async def shell(netsuite: NetSuite) -> dict[str, sdk.ExternalRef]:
    """Client, project, work element and billing rule, as links for what follows."""
    links: dict[str, sdk.ExternalRef] = {}
    links["client/cli_1"] = await netsuite.put_client(d.envelope(d.client()))
    links["project/prj_1"] = await netsuite.put_project(d.envelope(d.project(), links))
    links["work_element/wbs_1"] = await netsuite.put_work_element(d.envelope(d.work_element(), links))
    links["billing_rule/bil_1"] = await netsuite.put_billing_rule(d.envelope(d.billing_rule(), links))
    return links


def same(observed: sdk.Observed | None, envelope: sdk.Envelope) -> None:
    assert observed is not None
    missing = set(envelope.doc) - set(observed.doc)
    assert missing == CARRIED_NOT[envelope.kind]
    assert observed.doc == {name: value for name, value in envelope.doc.items() if name not in missing}


@pytest.mark.parametrize(
    ("document", "read"),
    [
        (d.client(), "read_client"),
        (d.project(), "read_project"),
        (d.work_element(), "read_work_element"),
        (d.billing_rule(), "read_billing_rule"),
        (d.time_charge(), "read_time_charge"),
    ],
)
async def test_every_document_reads_back_as_it_was_written(netsuite: NetSuite, document: object, read: str) -> None:
    links = await shell(netsuite)
    envelope = d.envelope(document, links)
    if isinstance(document, sdk.TimeCharge):
        await netsuite.put_time_charge(envelope)
    (observed,) = await getattr(netsuite, read)([envelope])
    same(observed, envelope)


async def test_an_open_ended_project_and_a_client_without_registration_read_back_without_an_end(
    netsuite: NetSuite,
) -> None:
    await netsuite.put_client(d.envelope(d.client(tax_registration=None)))
    open_ended = d.envelope(d.project(ends_on=None))
    await netsuite.put_project(open_ended)
    (observed,) = await netsuite.read_project([open_ended])
    same(observed, open_ended)


async def test_the_last_day_in_netsuite_is_the_day_before_our_end(netsuite: NetSuite, twin: Served) -> None:
    await shell(netsuite)
    (entry,) = [entry for entry in twin.journal() if entry["kind"] == "job"]
    assert entry["payload"]["projectedEndDate"] == "2027-03-31"


async def test_a_changed_rate_replaces_the_old_one_and_leaves_one_priced_line(netsuite: NetSuite) -> None:
    links = await shell(netsuite)
    raised = d.envelope(d.billing_rule(sdk.Money.of("195.123456", "USD")), links, ref=links["billing_rule/bil_1"])
    await netsuite.put_billing_rule(raised)
    (observed,) = await netsuite.read_billing_rule([raised])
    same(observed, raised)
    task = await netsuite._wire.record("projectTask", "eid:wbs_1", "assignee")
    assert task is not None and task["assignee"]["totalResults"] == 1


async def test_a_rate_changed_by_hand_in_netsuite_is_told_and_not_hidden_by_our_spelling(netsuite: NetSuite) -> None:
    links = await shell(netsuite)
    await netsuite.put_billing_rule(d.envelope(d.billing_rule(sdk.Money.of("1.00", "USD")), links))
    (observed,) = await netsuite.read_billing_rule([d.envelope(d.billing_rule(), links)])
    assert observed is not None
    assert observed.doc["rate"] == {"amount": "1.00", "currency": "USD"}


async def test_a_second_put_of_the_same_document_changes_and_never_doubles(netsuite: NetSuite, twin: Served) -> None:
    first = await netsuite.put_client(d.envelope(d.client()))
    again = await netsuite.put_client(d.envelope(d.client()))
    assert first.id == again.id
    assert [entry["operation"] for entry in twin.journal()] == ["create", "update"]


async def test_find_tells_certain_absence_and_the_same_reference_as_put(netsuite: NetSuite) -> None:
    envelope = d.envelope(d.client())
    assert await netsuite.find_client(envelope) is None
    created = await netsuite.put_client(envelope)
    assert await netsuite.find_client(envelope) == created


async def test_more_documents_than_one_query_takes_come_back_in_the_order_asked_for(netsuite: NetSuite) -> None:
    links = await shell(netsuite)
    charges = [d.envelope(d.time_charge(f"chg_{n}", str(Decimal(n % 8 + 1) / 2)), links) for n in range(120)]
    for charge in charges:
        await netsuite.put_time_charge(charge)
    asked = charges * 17 + [d.envelope(d.time_charge("chg_gone"), links)]
    seen = await netsuite.read_time_charge(asked)
    assert [one and one.doc["id"] for one in seen] == [f"chg_{n}" for n in range(120)] * 17 + [None]


async def test_EX_2_1_three_half_hours_at_185_25_stand_on_the_invoice_as_277_89(netsuite: NetSuite) -> None:
    links = await shell(netsuite)
    envelope = d.envelope(d.invoice(tax="55.58", total="333.47"), links)
    await netsuite.put_invoice(envelope)
    (observed,) = await netsuite.read_invoice([envelope])
    same(observed, envelope)
    assert observed is not None and observed.doc["net"]["amount"] == "277.89"


async def test_D4_a_repeated_draft_has_its_lines_once(netsuite: NetSuite) -> None:
    links = await shell(netsuite)
    envelope = d.envelope(d.invoice(tax="55.58", total="333.47"), links)
    for _ in range(2):
        await netsuite.put_invoice(envelope)
    (observed,) = await netsuite.read_invoice([envelope])
    same(observed, envelope)


async def test_an_invoice_of_1100_lines_is_read_over_two_pages_without_losing_one(netsuite: NetSuite) -> None:
    links = await shell(netsuite)
    envelope = d.envelope(d.invoice(lines=[("1", "10.00")] * 1100, tax="2200.00", total="13200.00"), links)
    await netsuite.put_invoice(envelope)
    (observed,) = await netsuite.read_invoice([envelope])
    same(observed, envelope)


async def test_the_engine_reaches_every_promised_operation_through_the_sdk(netsuite: NetSuite) -> None:
    system = ConnectedSystem("netsuite-us", netsuite)
    links = await shell(netsuite)
    envelope = d.envelope(d.invoice(tax="55.58", total="333.47"), links)
    created = await system.put(envelope)
    assert await system.look(envelope) == created
    assert await system.end(envelope, "cancel") == created
    assert await system.read([envelope]) == [None]
    for kind, verb in NetSuite.manifest.operations:
        assert system.operation(kind, verb) is not None


async def test_EX_2_2_tax_is_computed_once_on_the_base_and_not_line_by_line(netsuite: NetSuite) -> None:
    links = {}
    euro = {"legal_entity": "DE01", "currency": "EUR"}
    links["client/cli_1"] = await netsuite.put_client(d.envelope(d.client(**euro)))
    links["project/prj_1"] = await netsuite.put_project(d.envelope(d.project(**euro), links))
    links["work_element/wbs_1"] = await netsuite.put_work_element(d.envelope(d.work_element(), links))
    four = d.invoice(lines=[("1", "1.02")] * 4, tax="0.78", total="4.86", tax_rate=Decimal("0.19"), **euro)
    await netsuite.put_invoice(d.envelope(four, links))
    (observed,) = await netsuite.read_invoice([d.envelope(four, links)])
    same(observed, d.envelope(four, links))


async def test_an_account_that_rounds_tax_by_line_shows_another_total_than_ours(
    netsuite: NetSuite, twin: Served
) -> None:
    links = await shell(netsuite)
    twin.control("amounts", {"rounding": "line"})
    lines = [("1", "1.02")] * 4  # 20 % of 1.02 is 0.20 each, of 4.08 it is 0.82
    envelope = d.envelope(d.invoice(lines=lines, tax="0.82", total="4.90"), links)
    await netsuite.put_invoice(envelope)
    (observed,) = await netsuite.read_invoice([envelope])
    assert observed is not None
    assert observed.doc["total"] == {"amount": "4.88", "currency": "USD"}


async def test_a_posting_reads_back_and_the_ledger_balances(netsuite: NetSuite) -> None:
    links = await shell(netsuite)
    invoice = d.invoice(tax="55.58", total="333.47")
    links["invoice/inv_1"] = await netsuite.put_invoice(d.envelope(invoice, links))
    order = d.envelope(d.posting(invoice), links)
    assert await netsuite.find_invoice_posting(order) is None
    assert await netsuite.ledger_of(links["invoice/inv_1"], "US01") == []
    posted = await netsuite.put_invoice_posting(order)
    assert posted.extra["number"].startswith("INV")
    assert await netsuite.find_invoice_posting(order) == posted
    (observed,) = await netsuite.read_invoice_posting([order])
    same(observed, order)
    ledger = await netsuite.ledger_of(posted, "US01")
    assert [(line.account, str(line.debit.amount), str(line.credit.amount)) for line in ledger] == [
        ("1200", "333.47", "0.00"),
        ("4001", "0.00", "277.89"),
        ("2200", "0.00", "55.58"),
    ]


async def test_a_draft_can_be_withdrawn_twice_and_a_posted_invoice_never(netsuite: NetSuite, twin: Served) -> None:
    links = await shell(netsuite)
    invoice = d.invoice(tax="55.58", total="333.47")
    envelope = d.envelope(invoice, links)
    await netsuite.put_invoice(envelope)
    await netsuite.withdraw_invoice(envelope)
    await netsuite.withdraw_invoice(envelope)
    assert await netsuite.read_invoice([envelope]) == [None]
    await netsuite.put_invoice(envelope)
    await netsuite.put_invoice_posting(d.envelope(d.posting(invoice), links))
    with pytest.raises(sdk.Blocked) as refused:
        await netsuite.withdraw_invoice(envelope)
    assert refused.value.code == "INVOICE_POSTED"
    with pytest.raises(sdk.Conflict):
        await netsuite.put_invoice(envelope)
    assert [entry["operation"] for entry in twin.journal() if entry["kind"] == "invoice"][-1] == "update"
    assert await netsuite.find_invoice(envelope) is not None


async def test_a_yen_invoice_has_no_decimals(netsuite: NetSuite) -> None:
    yen = {"currency": "JPY"}
    links = {"client/cli_1": await netsuite.put_client(d.envelope(d.client(**yen)))}
    links["project/prj_1"] = await netsuite.put_project(d.envelope(d.project(**yen), links))
    links["work_element/wbs_1"] = await netsuite.put_work_element(d.envelope(d.work_element(), links))
    envelope = d.envelope(d.invoice(lines=[("1.5", "12345")], tax="3704", total="22222", **yen), links)
    await netsuite.put_invoice(envelope)
    (observed,) = await netsuite.read_invoice([envelope])
    same(observed, envelope)


async def test_work_dates_and_hours_changed_in_netsuite_are_seen(netsuite: NetSuite) -> None:
    links = await shell(netsuite)
    await netsuite.put_time_charge(d.envelope(d.time_charge(hours="8", work_date=date(2026, 10, 9)), links))
    (observed,) = await netsuite.read_time_charge([d.envelope(d.time_charge(), links)])
    assert observed is not None
    assert (observed.doc["hours"], observed.doc["work_date"]) == ("8", "2026-10-09")
