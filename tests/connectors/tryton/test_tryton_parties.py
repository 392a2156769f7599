"""Who is who in the real ERP: clients, people, companies and keys; what is not clear is a person's decision."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from conftest import Connect, Story, carried
from tieline import sdk
from tieline.entrypoints.rehearsal.checks import Witness
from tieline.entrypoints.rehearsal.tryton import Tryton
from tieline.sdk.system import ConnectedSystem

pytestmark = pytest.mark.real


async def test_two_parties_that_may_be_the_client_are_a_persons_decision(
    erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    for code in ("K-1", "K-2"):
        made = witness._http.post("party.party", json={"name": story.client().name.upper(), "code": code + story.tag})
        assert made.status_code == 200
    with pytest.raises(sdk.Blocked, match=r"2 parties that may be Acme.*K-1.*K-2.*Add the identifier") as held:
        await story.put(erp, story.client())
    assert held.value.code == "CLIENT_AMBIGUOUS"
    first = witness.party("K-1" + story.tag)
    assert first is not None
    chosen = {"identifiers": [["create", [{"code": story.client().id}]]]}
    assert witness._http.put(f"party.party/{first['id']}", json=chosen).status_code == 200
    assert (await story.put(erp, story.client())).id == str(first["id"])


async def test_one_clear_match_is_adopted_with_its_own_code(
    erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    code = "K-7" + story.tag
    witness._http.post("party.party", json={"name": story.client().name, "code": code})
    ref = await story.put(erp, story.client())
    party = witness.party(code)
    assert party is not None and str(party["id"]) == ref.id
    found = await erp.look(story.envelope(story.client()))
    assert found is not None and found.id == ref.id
    seen = await story.seen(erp, story.client())
    assert seen == carried(story.client(), seen)


async def test_the_same_firm_as_client_of_two_legal_entities_is_two_parties(erp: ConnectedSystem, story: Story) -> None:
    german = await story.put(erp, story.client())
    american = story.client(id=story.id("cli", "US01"), legal_entity="US01", currency="USD")
    assert (await story.put(erp, american)).id != german.id


async def test_a_key_for_another_legal_entity_is_noticed_before_absence_is_believed(
    connect: Connect, erp: ConnectedSystem, story: Story, real_tryton: Tryton, witness: Witness
) -> None:
    await story.put_up_to_project(erp)
    before = witness.counts()
    wrong = connect(key=real_tryton.seed["keys"]["US01"])
    invoice = story.invoice(("1", "100", "100.00"))
    for document in (story.project(), story.element(), invoice, story.charge("1", "100")):
        for attempt in (wrong.look, wrong.put):
            with pytest.raises(sdk.Blocked, match="hides company") as held:
                await attempt(story.envelope(document))
            assert held.value.code == "WRONG_LEGAL_ENTITY"
    assert witness.counts() == before


async def test_the_second_legal_entity_bills_in_its_own_currency_and_books(erp: ConnectedSystem, story: Story) -> None:
    story.legal_entity, story.currency = "US01", "USD"
    await story.put_up_to_project(erp)
    await story.put(erp, story.charge("4", "200", resource_id="res_dana"))
    invoice = story.invoice(("4", "200", "800.00"))
    await story.put(erp, invoice)
    ref = await story.put(erp, story.posting(invoice))
    lines = await erp.source.ledger_of(ref, "US01")  # type: ignore[attr-defined]
    assert {line.debit.currency for line in lines} == {"USD"}
    assert sum(line.debit.amount for line in lines) == sum(line.credit.amount for line in lines) == D("960.00")


async def test_a_key_that_was_withdrawn_stops_the_connection(connect: Connect, story: Story) -> None:
    with pytest.raises(sdk.CredentialInvalid):
        await connect(key="nobody").look(story.envelope(story.project()))


async def test_a_person_known_only_by_code_is_found_and_an_unknown_one_is_named(
    connect: Connect, erp: ConnectedSystem, story: Story, real_tryton: Tryton
) -> None:
    await story.put_up_to_project(erp)
    from tieline.entrypoints.rehearsal.tryton import settings_from_seed

    companies = settings_from_seed(real_tryton.seed, real_tryton.url)["companies"]
    companies["DE01"]["employees"] = {}
    without = connect(companies=companies)
    charge = story.charge("1", "180", resource_id="res_bo")
    await story.put(without, charge)
    seen = await story.seen(without, charge)
    assert seen["resource_id"] == "res_bo"
    with pytest.raises(sdk.Blocked, match=r"no employee for resource res_zoe.*companies\.DE01\.employees") as held:
        await erp.put(story.envelope(story.charge("2", "180", resource_id="res_zoe")))
    assert held.value.code == "MAPPING_MISSING"


async def test_time_booked_twice_by_a_copy_in_the_ERP_is_never_resolved_by_guessing(
    erp: ConnectedSystem, story: Story, witness: Witness
) -> None:
    await story.put_up_to_project(erp)
    charge = story.charge("2", "180")
    await story.put(erp, charge)
    copied = witness._http.post(f"timesheet.line/{story.links[f'time_charge/{charge.id}'].id}/copy", json={})
    assert copied.status_code == 200
    with pytest.raises(sdk.Blocked, match="2 records") as held:
        await erp.look(story.envelope(charge))
    assert held.value.code == "MARKER_TWICE"


async def test_hundreds_of_documents_are_read_back_in_their_order_and_what_is_gone_leaves_a_gap(
    erp: ConnectedSystem, story: Story
) -> None:
    await story.put_up_to_project(erp)
    charges = [story.charge(f"{n}.25", "100") for n in range(1, 4)]
    for charge in charges:
        await story.put(erp, charge)
    name = "time_charge/{}".format
    envelopes = [story.envelope(charge, story.links[name(charge.id)]) for charge in charges]
    envelopes.insert(1, story.envelope(charges[0], sdk.ExternalRef(id="99999999")))
    many = [*envelopes] * 60
    seen = await erp.read(many)
    hours = [None if item is None else item.doc["hours"] for item in seen]
    assert hours == ["1.25", None, "2.25", "3.25"] * 60
