"""The firm as configured: which system, which tax, which midnight."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tieline.domain.firm import Firm, LegalEntity
from tieline.kit.errors import Rejected

BERLIN = LegalEntity(
    code="DE01", country="DE", currency="EUR", zone="Europe/Berlin", taxes={"STANDARD": Decimal("0.19")}
)
FIRM = Firm(
    tenant="northwind",
    legal_entities={"DE01": BERLIN},
    roles={"clm": {"*": "ironclad"}, "erp": {"DE01": "tryton", "*": "netsuite"}},
)


def test_the_own_system_of_a_legal_entity_wins_over_the_one_for_all() -> None:
    assert FIRM.system_for("erp", "DE01") == "tryton"
    assert FIRM.system_for("erp", "US01") == "netsuite"
    assert FIRM.system_for("psa", "DE01") is None


def test_an_unknown_tax_is_unknown_and_not_zero() -> None:
    assert FIRM.tax_rate("DE01", "STANDARD") == Decimal("0.19")
    assert FIRM.tax_rate("DE01", "REDUCED") is None and FIRM.tax_rate("FR01", "STANDARD") is None


def test_a_project_lives_where_it_is_billed_whatever_else_is_configured() -> None:
    psa = replace(FIRM, project_homes={"*": ("psa",)}, biller={"*": "psa"})
    assert psa.homes_of("DE01") == ("psa", "erp") and psa.billing_role("DE01") == "psa"
    assert FIRM.homes_of("DE01") == ("erp",) and FIRM.billing_role("DE01") == "erp"


def test_the_hub_bills_and_prices_unless_told_otherwise() -> None:
    assert FIRM.hub_bills("DE01") and FIRM.hub_rates("DE01")
    assert not replace(FIRM, rater={"DE01": "psa", "*": "hub"}).hub_rates("DE01")


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        (date(2026, 1, 1), "2025-12-31T23:00"),
        (date(2026, 3, 30), "2026-03-29T22:00"),
        (date(2026, 10, 26), "2026-10-25T23:00"),
    ],
)
def test_a_day_begins_at_midnight_of_the_entity_over_summer_time_too(day: date, begins: str) -> None:
    assert FIRM.midnight("DE01", day) == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert FIRM.today("DE01", FIRM.midnight("DE01", day)) == day


def test_a_calendar_of_an_unknown_entity_is_refused_by_name() -> None:
    with pytest.raises(Rejected, match="FR01 is not configured"):
        FIRM.today("FR01", datetime(2026, 1, 1, tzinfo=UTC))
