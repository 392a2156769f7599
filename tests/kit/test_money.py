"""Money is exact, keeps its currency, and splits without losing a cent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.kit.money import Money, minor_units, split, total

_AMOUNTS = st.decimals(min_value=-100_000, max_value=100_000, places=2)
_WEIGHTS = st.lists(st.integers(0, 1000).map(Decimal), min_size=1, max_size=12).filter(lambda w: sum(w) > 0)


def test_M6_a_float_is_not_money() -> None:
    with pytest.raises(TypeError, match="exact decimal"):
        Money(1.5, "EUR")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="exact decimals"):
        Money.of("1", "EUR").times(1.5)  # type: ignore[arg-type]


def test_M6_two_currencies_never_mix() -> None:
    with pytest.raises(ValueError, match="do not mix"):
        Money.of("1", "EUR") + Money.of("1", "USD")


@pytest.mark.parametrize(("currency", "digits"), [("JPY", 0), ("EUR", 2), ("KWD", 3), ("TND", 3)])
def test_M6_each_currency_has_its_own_minor_unit(currency: str, digits: int) -> None:
    assert minor_units(currency) == digits


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_M6_an_amount_is_finite(amount: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        Money.of(amount, "EUR")


@given(_AMOUNTS)
def test_EX_0_1_rounding_is_symmetrical(amount: Decimal) -> None:
    half = Money(amount / 2, "EUR")
    assert (-half).rounded() == -(half.rounded())


@given(_AMOUNTS, _WEIGHTS)
def test_M4_the_parts_of_a_split_add_up_and_each_is_within_a_cent_of_its_share(
    amount: Decimal, weights: list[Decimal]
) -> None:
    whole = Money(amount, "EUR")
    parts = split(whole, weights)
    assert total(parts, "EUR") == whole
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.amount - amount * weight / sum(weights)) < Decimal("0.01")


@given(_AMOUNTS, _WEIGHTS)
def test_M4_a_negative_amount_splits_as_the_mirror_of_the_positive_one(amount: Decimal, weights: list[Decimal]) -> None:
    assert split(Money(-amount, "EUR"), weights) == [-part for part in split(Money(amount, "EUR"), weights)]


@pytest.mark.parametrize("weights", [[], [Decimal(0)], [Decimal(-1), Decimal(2)]])
def test_a_split_needs_weights_that_mean_something(weights: list[Decimal]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split(Money.of("1", "EUR"), weights)
