"""Charges and invoices to the cent."""

from decimal import Decimal

import pytest

from tieline.domain.charges import charge_amount
from tieline.domain.invoicing import tax_on
from tieline.kit.money import Money, split, total


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def test_EX_0_1_half_an_hour_at_185_25_is_92_63_and_its_refund_mirrors_it() -> None:
    assert charge_amount(Decimal("0.5"), eur("185.25")) == eur("92.63")
    assert charge_amount(Decimal("-0.5"), eur("185.25")) == eur("-92.63")


def test_EX_2_1_the_net_is_the_sum_of_rounded_lines() -> None:
    assert total([charge_amount(Decimal("0.5"), eur("185.25"))] * 3, "EUR") == eur("277.89")


def test_EX_2_2_tax_is_computed_once_on_the_summed_base() -> None:
    base = total([eur("1.02")] * 4, "EUR")
    assert (base, tax_on(base, Decimal("0.19"))) == (eur("4.08"), eur("0.78"))


def test_EX_2_3_three_equal_parts_of_100_add_up() -> None:
    assert split(eur("100.00"), [Decimal(1)] * 3) == [eur("33.34"), eur("33.33"), eur("33.33")]


def test_EX_4_1_the_example_of_the_rule_book_adds_up_to_4880() -> None:
    days = [("200", 2), ("210", 1)]
    charges = [charge_amount(Decimal(8), eur(rate)) for rate, count in days for _ in range(count)]
    assert total(charges, "EUR") == eur("4880.00")


@pytest.mark.parametrize(("currency", "expected"), [("JPY", "1541"), ("EUR", "1540.50"), ("KWD", "1540.500")])
def test_M6_a_charge_is_rounded_to_the_minor_unit_of_its_currency(currency: str, expected: str) -> None:
    amount = charge_amount(Decimal("1.5"), Money.of("1027", currency))
    assert str(amount.amount) == expected


def test_the_rate_itself_is_never_rounded() -> None:
    assert charge_amount(Decimal("100"), eur("33.333333")) == eur("3333.33")
    assert charge_amount(Decimal("3"), eur("0.005")) == eur("0.02")
