"""The mapping without a server: spelling, rounding, dates, and what must be refused."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import YEAR, Story
from tieline import sdk
from tieline.connectors.tryton import CompanySettings, Tryton, TrytonSettings, mapping, rates, wire

COMPANY = CompanySettings(
    id=1, currency="EUR", receivable_account=12, revenue_account=40, journal=1, payment_term=3, hour_unit=9,
    taxes={"STANDARD": [1], "EXEMPT": []}, products={"DATA": 7}, employees={"res_ada": 5},
)  # fmt: skip


@pytest.fixture
def story() -> Story:
    return Story(tag="0badcafe")


def line(quantity: str, price: str, amount: str, **invoice: Any) -> dict[str, Any]:
    whole = sdk.plain(Story(tag="0badcafe").invoice((quantity, price, amount))) | invoice
    return mapping.from_line(whole["lines"][0], whole, COMPANY, 2)


def test_a_line_is_quantity_times_price_where_the_ERP_rounds_as_we_do() -> None:
    sent = line("7.5", "180.1234", "1350.93")
    assert (sent["quantity"], sent["unit_price"], sent["unit"], sent["taxes"]) == (
        7.5,
        D("180.1234"),
        9,
        [["add", [1]]],
    )


def test_EX_0_1_a_half_cent_that_the_ERP_would_round_to_even_is_sent_as_one_piece() -> None:
    sent = line("0.5", "180.05", "90.03")
    assert (sent["quantity"], sent["unit_price"], sent["unit"]) == (1.0, D("90.03"), None)
    assert sent["description"].endswith("(0.5 × 180.05)")


@pytest.mark.parametrize(("quantity", "price", "amount"), [("0.333", "150", "49.95"), ("1", "33.33333", "33.33")])
def test_more_digits_than_the_ERP_keeps_are_sent_as_one_piece(quantity: str, price: str, amount: str) -> None:
    assert line(quantity, price, amount)["unit_price"] == D(amount)


@given(
    quantity=st.decimals("0.01", "999.999", places=3),
    price=st.decimals("0.00001", "999.99999", places=5),
)
def test_every_line_comes_out_at_our_amount_under_the_ERPs_own_rounding(quantity: D, price: D) -> None:
    amount = sdk.Money(quantity * price, "EUR").rounded().amount
    sent = line(str(quantity), str(price), str(amount))
    in_erp = (D(str(sent["quantity"])) * sent["unit_price"]).quantize(D("0.01"))  # Tryton rounds halves to even
    assert in_erp == amount


def test_an_exempt_line_has_no_tax_and_an_unknown_code_names_the_setting() -> None:
    assert line("1", "1", "1.00", tax_code="EXEMPT")["taxes"] == [["add", []]]
    with pytest.raises(sdk.Blocked, match=r"no tax for tax code REDUCED.*companies\.DE01\.taxes") as held:
        line("1", "1", "1.00", tax_code="REDUCED")
    assert held.value.code == "MAPPING_MISSING"


def test_the_end_of_a_work_element_is_the_day_before_ours(story: Story) -> None:
    sent = mapping.from_work_element(sdk.plain(story.element(ends_on=date(YEAR, 7, 1))), COMPANY)
    assert sent["timesheet_end_date"] == date(YEAR, 6, 30)
    assert sent["effort_duration"] == timedelta(hours=120.5)


def test_an_unknown_service_line_is_a_hold_before_anything_is_written(story: Story) -> None:
    with pytest.raises(sdk.Blocked, match="no product for service line LEGAL") as held:
        mapping.from_work_element(sdk.plain(story.element(service_line="LEGAL")), COMPANY)
    assert held.value.code == "MAPPING_MISSING"


def test_a_project_in_another_currency_than_its_company_is_refused(story: Story) -> None:
    with pytest.raises(sdk.Blocked, match="in EUR, the contract is in USD"):
        mapping.from_project(sdk.plain(story.project(currency="USD")), "prj_1", COMPANY, 3)


@given(st.decimals("0", "10000", places=4))
def test_hours_come_back_spelled_as_we_wrote_them(hours: D) -> None:
    for spelled in (str(hours), f"{hours.normalize():f}"):
        assert mapping.as_written(mapping.as_hours(mapping.as_duration(D(spelled))), spelled) == spelled


def test_other_hours_than_ours_are_shown_as_they_are() -> None:
    assert mapping.as_written(D("7.50"), "8.00") == "7.5"


def test_a_narrative_cannot_hide_the_mark_of_a_charge(story: Story) -> None:
    charge = story.charge("1", "100", narrative="chg_other\n is not this one")
    sent = mapping.from_time_charge(sdk.plain(charge), charge.id, 1, 5, 8)
    assert sent["description"] == f"{charge.id} chg_other is not this one"


def test_rates_keep_the_mark_and_what_people_wrote_and_the_latest_one_counts() -> None:
    def rate(rule: str, amount: str, since: str) -> rates.DatedRate:
        return rates.DatedRate(rule=rule, amount=amount, currency="EUR", unit="hour", since=since)

    comment = rates.with_rate("wel_1\nask Bo before you change this", rate("bru_2", "200", "2026-07-01"))
    comment = rates.with_rate(comment, rate("bru_1", "180.50", "2026-01-01"))
    comment = rates.with_rate(comment, rate("bru_1", "181.00", "2026-01-01"))
    marker, found = rates.read_comment(comment)
    assert marker == "wel_1" and "ask Bo" in comment
    assert {(r.rule, r.amount) for r in found} == {("bru_2", "200"), ("bru_1", "181.00")}
    assert rates.list_price(comment) == D("200")


def test_a_search_pattern_takes_our_ids_by_the_letter() -> None:
    assert wire.like("prj_1%\\") == "prj\\_1\\%\\\\"


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (400, {"status": 400, "message": "The code on party must be unique."}, sdk.Rejected, "must be unique"),
        (400, None, sdk.Rejected, "refused the record"),
        (403, None, sdk.Blocked, "add the missing group"),
        (404, None, sdk.Conflict, "gone from Tryton"),
    ],
)
def test_F_a_refusal_is_judged_by_its_status(status: int, body: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        wire.judged(sdk.Answer(status=status, headers={}, body=body))


def test_typed_values_survive_the_wire() -> None:
    answer = {
        "a": [{"__class__": "Decimal", "decimal": "1.10"}],
        "b": {"__class__": "timedelta", "seconds": D("27000.5")},
        "c": {"__class__": "date", "year": 2026, "month": 2, "day": 1},
        "d": None,
    }
    seen = wire.untagged(answer)
    assert seen == {"a": [D("1.10")], "b": timedelta(seconds=27000, milliseconds=500), "c": "2026-02-01", "d": None}
    assert str(seen["a"][0]) == "1.10"


def test_the_parts_of_the_connector_share_no_private_name() -> None:
    """They are base classes of one class: the same name in two of them would silently replace one."""
    parts = [part for part in Tryton.__mro__ if part.__module__.startswith("tieline.connectors.tryton.")]
    names = [name for part in parts for name, value in vars(part).items() if callable(value) and name[:2] != "__"]
    assert len(names) > 30 and len(names) == len(set(names))


def test_a_setting_that_nobody_knows_is_an_error() -> None:
    values = {"base_url": "https://erp.example.com", "database": "erp", "api_key_ref": "env:K", "companies": {}}
    with pytest.raises(ValueError, match="skip_warning"):
        TrytonSettings(**values, skip_warning=True)
    with pytest.raises(ValueError, match="database"):
        TrytonSettings(**(values | {"database": "../erp"}))
