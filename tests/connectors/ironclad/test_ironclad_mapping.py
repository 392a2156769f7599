"""What one Ironclad record means here, and what stops it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from ironclad_records import OVERLAY, amendment, contract, item

from tieline import sdk
from tieline.connectors.ironclad import mapping

TYPES = ("servicesAgreement",), ("servicesAmendment",)


def mapped(record: dict[str, Any], overlay: mapping.Overlay = OVERLAY) -> list[sdk.Change]:
    return list(mapping.changes(item(record), overlay, *TYPES))


def signed(record: dict[str, Any]) -> sdk.Contract:
    return sdk.restore(mapped(record)[1].doc, sdk.Contract)


def test_a_signed_contract_becomes_its_client_and_itself() -> None:
    client, agreement = mapped(contract())
    assert (client.kind, client.lane) == ("client_record", f"client:{client.id}")
    assert (agreement.kind, agreement.lane) == ("contract", f"contract:{agreement.id}")
    assert agreement.fact == "dev.tieline.contract.signed.v1" and agreement.legal_entity == "DE01"
    assert agreement.doc["client_id"] == client.id
    assert sdk.restore(client.doc, sdk.ClientRecord).address == sdk.Address(
        street="Hafenstraße 12", city="Hamburg", postal_code="20457", country="DE"
    )


def test_lines_keep_their_rate_to_the_sixth_decimal() -> None:
    lines = signed(contract()).lines
    assert [(line.service_line, line.planned_hours, line.rate) for line in lines] == [
        ("DATA", Decimal(200), sdk.Money.of("150", "EUR")),
        ("CLOUD", Decimal(100), sdk.Money.of("160.123456", "EUR")),
    ]


def test_the_last_day_of_the_paper_is_the_day_before_our_end() -> None:
    found = signed(contract())
    assert (found.starts_on, found.ends_on) == (date(2026, 3, 1), date(2027, 1, 1))


def test_a_contract_without_end_is_open() -> None:
    assert signed(contract(expirationDate=None)).ends_on is None


def test_identifiers_are_the_same_for_ever_and_short_enough() -> None:
    first, again = mapped(contract()), mapped(contract(contractNumber="renamed"))
    assert [change.id for change in first] == [change.id for change in again]
    assert all(len(change.id) <= 32 and change.id.replace("_", "").isalnum() for change in first)


def test_the_spelling_of_a_client_does_not_make_a_second_client() -> None:
    assert mapped(contract(counterpartyName="hanse  LOGISTIK GmbH "))[0].id == mapped(contract())[0].id


def test_EX_4_0b_an_amendment_is_a_child_of_its_contract_and_changes_its_lines() -> None:
    (change,) = mapped(amendment())
    found = sdk.restore(change.doc, sdk.Amendment)
    base = signed(contract())
    assert (found.contract_id, found.number, found.effective_from) == (base.id, 1, date(2026, 4, 15))
    assert found.changes == (sdk.RateChange(line_id=base.lines[0].id, rate=sdk.Money.of("165", "EUR")),)
    assert change.lane == f"contract:{base.id}" and change.fact == "dev.tieline.amendment.signed.v1"


def test_an_amendment_without_parent_is_rejected() -> None:
    orphan = amendment()
    del orphan["parentId"]
    with pytest.raises(sdk.Rejected, match="child record"):
        mapped(orphan)


def test_an_amendment_that_was_signed_is_not_taken_back_by_itself() -> None:
    withdrawn = amendment()
    withdrawn["contractStatus"]["status"] = "inactive"
    with pytest.raises(sdk.Blocked) as raised:
        mapped(withdrawn)
    assert raised.value.code == "AMENDMENT_WITHDRAWN"


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("legalEntity", "FR01", "legal_entity"),
        ("taxCode", "REDUCED", "tax_code"),
        ("line2ServiceLine", "Mainframe", "service_line"),
        ("pricingModel", "Fixed Fee", "strategy"),
    ],
)
def test_a_value_without_counterpart_waits_for_a_person_and_names_the_way_out(
    name: str, value: str, field: str
) -> None:
    with pytest.raises(sdk.Blocked) as raised:
        mapped(contract(**{name: value}))
    assert raised.value.code == "MAPPING_MISSING"
    for part in (name, value, "known:", f"overlay.{field}"):
        assert part in raised.value.detail
    assert [fault.path for fault in raised.value.faults] == [f"/properties/{name}"]


def test_an_empty_overlay_knows_nothing_and_guesses_nothing() -> None:
    with pytest.raises(sdk.Blocked, match="none yet"):
        mapped(contract(), {})


def test_a_pricing_model_mapped_to_one_we_cannot_bill_is_rejected() -> None:
    overlay = {**OVERLAY, "strategy": {"Fixed Fee": "fixed_fee"}}
    with pytest.raises(sdk.Rejected, match="only time_and_materials"):
        mapped(contract(pricingModel="Fixed Fee"), overlay)


def test_a_status_that_we_do_not_know_is_not_taken_for_signed() -> None:
    record = contract()
    record["contractStatus"]["status"] = "paused"
    with pytest.raises(sdk.Blocked, match="paused"):
        mapped(record)


def test_all_faults_are_named_at_once_with_their_places() -> None:
    record = contract(
        contractNumber=None,
        effectiveDate="2026-02-28T23:00:00.000Z",
        line1PlannedHours="many",
        line2HourlyRate={"amount": 160, "currency": "USD"},
        line2Name=None,
        counterpartyAddress={"lines": [], "locality": "Hamburg", "postcode": "20457", "country": "Germany"},
        legalEntity="FR01",
    )
    with pytest.raises(sdk.Rejected) as raised:
        mapped(record)
    assert sorted(fault.path for fault in raised.value.faults) == [
        "/properties/contractNumber",
        "/properties/counterpartyAddress/value/country",
        "/properties/counterpartyAddress/value/lines",
        "/properties/effectiveDate",
        "/properties/legalEntity",
        "/properties/line1PlannedHours/value",
        "/properties/line2HourlyRate",
        "/properties/line2Name",
    ]


@pytest.mark.parametrize("amount", ["1.1234567", "-1", "NaN", "1e30", True, None, "ten"])
def test_M6_an_amount_that_is_not_exact_is_rejected(amount: object) -> None:
    with pytest.raises(sdk.Rejected, match="line1HourlyRate"):
        mapped(contract(line1HourlyRate={"amount": amount, "currency": "EUR"}))


def test_a_gap_in_the_lines_is_a_fault_and_not_the_end_of_the_contract() -> None:
    extra = {"line4Name": "Late", "line4ServiceLine": "Data", "line4PlannedHours": 1}
    with pytest.raises(sdk.Rejected) as raised:
        mapped(contract(**extra, line4HourlyRate={"amount": 1, "currency": "EUR"}))
    assert {fault.path.split("/")[2][:5] for fault in raised.value.faults} == {"line3"}


def test_an_end_before_the_start_is_rejected() -> None:
    with pytest.raises(sdk.Rejected, match="before effectiveDate"):
        mapped(contract(expirationDate="2026-02-01T00:00:00.000Z"))


def test_an_unsigned_paper_says_nothing_while_it_is_incomplete_and_is_recorded_when_complete() -> None:
    draft = contract(agreementDate=None)
    draft["contractStatus"]["status"] = "indeterminate"
    assert [change.fact for change in mapped(draft)][1] == "dev.tieline.contract.recorded.v1"
    assert mapped(draft)[1].doc["state"] == "draft"
    del draft["properties"]["line1HourlyRate"]
    assert mapped(draft) == []


def test_a_signed_contract_without_its_date_of_signature_is_rejected() -> None:
    with pytest.raises(sdk.Rejected, match="agreementDate is missing"):
        mapped(contract(agreementDate=None))


def test_records_of_other_types_say_nothing() -> None:
    assert mapped({**contract(), "type": "nda"}) == []


@pytest.mark.parametrize("zone_less", ["2026-03-01T00:00:00", "2026-03-01", "soon"])
def test_F13_a_time_without_zone_is_rejected(zone_less: str) -> None:
    with pytest.raises(sdk.Rejected, match="time zone"):
        mapped(contract(agreementDate=zone_less))


def test_X3_text_that_looks_like_code_stays_text() -> None:
    for text in ("{{7*7}}", "${jndi:ldap://x}", "=cmd|' /C calc'!A0", "__class__"):
        assert mapped(contract(counterpartyName=text))[0].doc["name"] == text


def test_versions_sort_as_text_in_order_of_time() -> None:
    texts = ["2026-02-20T14:05:00Z", "2026-02-20T14:05:00.123Z", "2026-02-20T15:05:00.2+00:00", "2026-02-20T15:06:00Z"]
    versions = [mapping.version({"lastUpdated": text}) for text in texts]
    assert versions == sorted(versions) and len(set(versions)) == 4


def test_a_cap_and_a_purchase_order_are_terms_of_the_contract() -> None:
    agreement = signed(contract(notToExceed={"amount": "50000", "currency": "EUR"}, purchaseOrder="po-4500-1"))
    assert (agreement.cap, agreement.purchase_order_id) == (sdk.Money.of("50000", "EUR"), "po-4500-1")
    assert signed(contract()).cap is None


def test_an_amendment_may_change_nothing_but_the_cap() -> None:
    cap = {"amount": "60000", "currency": "EUR"}
    (change,) = mapped(amendment(notToExceed=cap, change1LineNumber=None, change1HourlyRate=None))
    agreed = sdk.restore(change.doc, sdk.Amendment)
    assert (agreed.cap, agreed.changes) == (sdk.Money.of("60000", "EUR"), ())
