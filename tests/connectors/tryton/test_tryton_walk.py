"""From a client to a posted invoice in the real ERP, and what must not happen on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest

from conftest import TODAY, YEAR, Connect, Story, carried
from tieline import sdk
from tieline.entrypoints.rehearsal.checks import Witness
from tieline.sdk.system import ConnectedSystem

pytestmark = pytest.mark.real


async def test_a_contract_goes_from_client_to_a_balanced_posting(
    erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    invoice = story.invoice(("7.5", "180", "1350.00"), ("0.25", "210.5", "52.63"))
    documents = [
        story.client(), story.project(), story.element("Build"), story.element("Run", "CLOUD"),
        story.rule("180", "Build"), story.rule("210.50", "Run"),
        story.charge("7.5", "180", "Build"), story.charge("0.25", "210.50", "Run"),
        invoice,
    ]  # fmt: skip
    for document in documents:
        await story.put(erp, document)
        seen = await story.seen(erp, document)
        assert seen == carried(document, seen) and len(seen) >= 3, document
    assert await story.seen(erp, invoice) == {
        "id": invoice.id,
        "legal_entity": "DE01",
        "currency": "EUR",
        "invoice_date": TODAY.isoformat(),
        "net": {"amount": "1402.63", "currency": "EUR"},
        "tax": {"amount": "280.53", "currency": "EUR"},
        "total": {"amount": "1683.16", "currency": "EUR"},
    }
    posting = story.posting(invoice)
    ref = await story.put(erp, posting)
    seen = await story.seen(erp, posting)
    assert ref.extra["number"].startswith(f"{YEAR}-")
    assert seen == carried(posting, seen) and seen["posting_date"] == TODAY.isoformat()
    lines = await erp.source.ledger_of(ref, "DE01")  # type: ignore[attr-defined]
    assert sum(line.debit.amount for line in lines) == sum(line.credit.amount for line in lines) == D("1683.16")
    books = witness.ledger(invoice.id)
    assert books is not None and books.balanced and books.total == D("1683.16") and books.state == "posted"


async def test_the_projects_own_billing_stays_off_so_that_there_is_one_biller(
    erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    await story.put_up_to_project(erp)
    party = witness.party(story.client().id)
    assert party is not None
    (project,) = witness.project_tree(party["id"])
    methods = witness._read("project.work", [["id", "=", project["id"]]], "project_invoice_method")
    assert methods[0]["project_invoice_method"] == "manual"
    assert [task["name"] for task in project["tasks"]] == ["Build"]


async def test_D1_every_document_put_twice_without_its_reference_is_there_once(
    erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    await story.put_up_to_project(erp)
    invoice = story.invoice(("1", "100", "100.00"))
    documents = [
        story.client(),
        story.project(),
        story.element(),
        story.rule("180"),
        story.charge("2", "180"),
        invoice,
    ]
    for document in documents:
        await story.put(erp, document)
    before = witness.counts()
    for document in documents:
        first = story.links[f"{story.envelope(document).kind}/{document.id}"]
        again = await erp.put(story.envelope(document))  # as if the answer had been lost
        found = await erp.look(story.envelope(document))
        assert found is not None and again.id == first.id == found.id, document
    assert witness.counts() == before


class GivesUp:
    """The wire of a caller who stops waiting for the answer of `button`, while the server goes on."""

    def __init__(self, http: Any, button: str) -> None:
        self._http, self._button = http, button

    async def request(self, method: str, path: str, **options: Any) -> sdk.Answer:
        if self._button in path:
            options["timeout_s"] = 0.03
        answer: sdk.Answer = await self._http.request(method, path, **options)
        return answer


async def test_D4_a_posting_whose_answer_was_lost_is_found_by_its_state_and_never_posted_twice(
    connect: Connect, erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    await story.put_up_to_project(erp)
    invoice = story.invoice(("3", "100", "300.00"))
    await story.put(erp, invoice)
    posting = story.posting(invoice)
    assert await erp.look(story.envelope(posting)) is None
    hasty = connect(through=GivesUp(connect.http, "/post?"))  # type: ignore[attr-defined]
    with pytest.raises(sdk.Unknown):
        await hasty.put(story.envelope(posting))
    found = None
    for _ in range(100):
        found = await erp.look(story.envelope(posting))
        if found is not None:
            break
        await asyncio.sleep(0.05)
    assert found is not None and found.extra["state"] == "posted"
    again = await erp.put(story.envelope(posting))
    assert again.extra["number"] == found.extra["number"]
    assert witness.times("invoice_posting", invoice.id) == 1


async def test_invoices_posted_at_the_same_time_get_numbers_of_their_own(erp: ConnectedSystem, story: Story) -> None:
    await story.put_up_to_project(erp)
    invoices = [story.invoice(("1", "100", "100.00"), name=str(n)) for n in range(6)]
    for invoice in invoices:
        await story.put(erp, invoice)
    posted = await asyncio.gather(*(erp.put(story.envelope(story.posting(invoice))) for invoice in invoices))
    assert len({ref.extra["number"] for ref in posted}) == 6


async def test_a_refused_create_may_be_tried_again_and_tells_what_the_ERP_said(
    erp: ConnectedSystem, story: Story
) -> None:
    await story.put_up_to_project(erp)
    outside = story.charge("1", "100", work_date=date(YEAR - 1, 5, 5))  # before the work element begins
    with pytest.raises(sdk.Conflict, match="Tryton refused the record and says") as refused:
        await erp.put(story.envelope(outside))
    assert refused.value.code == "ERP_REFUSED"


async def test_F3_a_server_that_refuses_a_second_posting_is_asked_for_the_state_not_believed_by_its_text(
    erp: ConnectedSystem, story: Story
) -> None:
    await story.put_up_to_project(erp)
    invoice = story.invoice(("3", "100", "300.00"))
    await story.put(erp, invoice)
    posting = story.envelope(story.posting(invoice))
    results = await asyncio.gather(*(erp.put(posting) for _ in range(3)), return_exceptions=True)
    numbers = {result.extra["number"] for result in results if isinstance(result, sdk.ExternalRef)}
    assert len(numbers) == 1
    losers = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(loser, (sdk.Unknown, sdk.Transient, sdk.Blocked)) for loser in losers), losers


async def test_an_amendment_changes_the_rate_and_the_earlier_rate_stays_on_record(
    erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    await story.put_up_to_project(erp)
    old, new = story.rule("180.00"), story.rule("195.2500", valid_from=date(YEAR, 7, 1))
    await story.put(erp, old)
    await story.put(erp, new)
    for rule in (old, new):
        seen = await story.seen(erp, rule)
        assert seen == carried(rule, seen)
    party = witness.party(story.client().id)
    assert party is not None
    assert D(witness.project_tree(party["id"])[0]["tasks"][0]["list_price"]) == D("195.25")
    raised = replace(new, rate=sdk.Money(D("200"), "EUR"))
    await story.put(erp, raised)
    assert (await story.seen(erp, raised))["rate"] == {"amount": "200", "currency": "EUR"}
    assert (await story.seen(erp, old))["rate"] == {"amount": "180.00", "currency": "EUR"}
    assert (await story.seen(erp, new))["rate"] == {"amount": "200", "currency": "EUR"}  # drift is shown


async def test_an_amendment_moves_names_hours_and_dates_in_place(erp: ConnectedSystem, story: Story) -> None:
    await story.put_up_to_project(erp)
    await story.put(erp, story.rule("180"))
    later = story.element(planned_hours=D("160"), ends_on=None)
    ref = await story.put(erp, later)
    renamed = story.project(name="Data platform, phase 2")
    await story.put(erp, renamed)
    moved = story.client(name=f"Acme Group {story.tag}")
    await story.put(erp, moved)
    for document in (later, renamed, moved, story.rule("180")):
        seen = await story.seen(erp, document)
        assert seen == carried(document, seen)
    assert ref.id == story.links[f"work_element/{later.id}"].id


async def test_EX_0_1_half_cents_in_the_ERP_come_out_as_on_our_invoice_though_it_rounds_to_even(
    erp: ConnectedSystem, story: Story
) -> None:
    await story.put(erp, story.client())
    invoice = story.invoice(("0.5", "180.05", "90.03"), ("0.333", "150", "49.95"), ("1", "33.33333", "33.33"))
    await story.put(erp, invoice)
    seen = await story.seen(erp, invoice)
    assert seen["net"] == {"amount": "173.31", "currency": "EUR"} and seen == carried(invoice, seen)


async def test_a_withdrawn_draft_is_gone_for_us_visible_as_cancelled_and_can_be_made_again(
    erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    await story.put(erp, story.client())
    invoice = story.invoice(("1", "100", "100.00"))
    first = await story.put(erp, invoice)
    await erp.end(story.envelope(invoice, first), "cancel")
    await erp.end(story.envelope(invoice, first), "cancel")
    assert await story.seen(erp, invoice) is None
    assert await erp.look(story.envelope(invoice)) is None
    second = await story.put(erp, invoice)
    assert second.id != first.id
    party = witness.party(story.client().id)
    assert party is not None
    assert sorted(row["state"] for row in witness.invoices(party["id"])) == ["cancelled", "draft"]


async def test_a_posted_invoice_is_never_withdrawn_or_changed(erp: ConnectedSystem, story: Story) -> None:
    await story.put(erp, story.client())
    invoice = story.invoice(("1", "100", "100.00"))
    ref = await story.put(erp, invoice)
    await story.put(erp, story.posting(invoice))
    for attempt in (
        lambda: erp.end(story.envelope(invoice, ref), "cancel"),
        lambda: erp.put(story.envelope(invoice, ref)),
    ):
        with pytest.raises(sdk.Blocked, match="credit memo") as held:
            await attempt()
        assert held.value.code == "ALREADY_POSTED"


async def test_a_draft_that_somebody_changed_after_the_comparison_is_not_posted(
    erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    await story.put(erp, story.client())
    invoice = story.invoice(("1", "100", "100.00"))
    await story.put(erp, invoice)
    await story.put(erp, story.invoice(("2", "100", "200.00")))
    with pytest.raises(sdk.Blocked, match=r"240\.00.*approved were EUR 120\.00") as held:
        await erp.put(story.envelope(story.posting(invoice)))
    assert held.value.code == "INVOICE_DIFFERS" and witness.ledger(invoice.id) is None


async def test_a_closed_period_blocks_the_posting_and_names_the_controller(
    erp: ConnectedSystem, story: Story, witness: Witness, controller: Witness
) -> None:
    await story.put(erp, story.client())
    invoice = story.invoice(("1", "100", "100.00"))
    await story.put(erp, invoice)
    controller.close_period(TODAY.replace(day=1))
    try:
        with pytest.raises(sdk.Blocked, match=rf"{TODAY:%Y-%m} is not open.*controller") as held:
            await erp.put(story.envelope(story.posting(invoice)))
    finally:
        controller.reopen_period(TODAY.replace(day=1))
    assert held.value.code == "PERIOD_CLOSED" and witness.ledger(invoice.id) is None
    await story.put(erp, story.posting(invoice))
    assert witness.ledger(invoice.id) is not None


async def test_an_invoice_dated_before_the_last_posted_one_is_held_since_numbers_follow_dates(
    connect: Connect, erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    await story.put(erp, story.client())
    later = story.invoice(("1", "100", "100.00"), on=date(YEAR + 1, 12, 30), name="later")
    earlier = story.invoice(("1", "100", "100.00"), on=date(YEAR + 1, 12, 29), name="earlier")
    for invoice in (later, earlier):
        await story.put(erp, invoice)
    decided = connect(skip_warnings=True)  # both are in the future, which it would warn of first
    await story.put(decided, story.posting(later))
    with pytest.raises(sdk.Rejected, match="you must set an invoice date after"):
        await story.put(decided, story.posting(earlier))
    assert witness.ledger(earlier.id) is None


async def test_a_warning_of_the_ERP_needs_a_person_unless_the_settings_decided_it(
    connect: Connect, erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    await story.put(erp, story.client())
    later = date(YEAR + 1, 12, 30)  # the ERP warns of dates in the future
    invoice = story.invoice(("1", "100", "100.00"), on=later)
    await story.put(erp, invoice)
    with pytest.raises(sdk.Blocked, match=r"future.*post it there by hand") as held:
        await story.put(erp, story.posting(invoice))
    assert held.value.code == "ERP_WARNING" and witness.ledger(invoice.id) is None
    await story.put(connect(skip_warnings=True), story.posting(invoice))
    assert witness.ledger(invoice.id) is not None
