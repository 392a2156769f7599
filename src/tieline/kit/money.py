"""Money: an exact decimal with a currency. Floats are refused; two currencies never mix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Self

# ISO 4217 minor units that differ from two (ISO 4217 list one).
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def minor_units(currency: str) -> int:
    """Digits after the decimal point that `currency` uses: 0, 2 or 3."""
    return _EXPONENTS.get(currency, 2)


def round_half_away(amount: Decimal, digits: int) -> Decimal:
    """Round to `digits` decimals, halves away from zero, so that a refund mirrors its charge (EX-0.1)."""
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount with its currency. Compare, add and subtract only within one currency (ValueError otherwise)."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"money needs an exact decimal, not {type(self.amount).__name__}")
        if not self.amount.is_finite():
            raise ValueError("money must be a finite amount")
        if len(self.currency) != 3 or not self.currency.isascii() or not self.currency.isupper():
            raise ValueError(f"{self.currency!r} is not an ISO 4217 currency code")

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Self:
        return cls(Decimal(amount), currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(Decimal(0), currency)

    def rounded(self) -> Money:
        """To the currency's minor unit, halves away from zero."""
        return Money(round_half_away(self.amount, minor_units(self.currency)), self.currency)

    def times(self, factor: Decimal) -> Money:
        """Exact product; the caller decides where the rounding point is."""
        if not isinstance(factor, Decimal):
            raise TypeError("money is multiplied by exact decimals only")
        return Money(self.amount * factor, self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __str__(self) -> str:
        return f"{self.currency} {self.amount:,f}"

    def _same(self, other: Money) -> Decimal:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix: convert first")
        return other.amount


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Sum of `amounts` in `currency`; zero for none."""
    result = Money.zero(currency).rounded()
    for amount in amounts:
        result = result + amount
    return result


def split(amount: Money, weights: Sequence[Decimal]) -> list[Money]:
    """Shares of `amount` that add up exactly: floors first, then units to the largest remainders, ties by position.

    A negative amount splits as the mirror of the positive one (EX-2.3, rule 2.4).
    """
    whole = sum(weights, Decimal(0))
    if not weights or whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be given, not negative, and not all zero")
    if amount.amount < 0:
        return [-share for share in split(-amount, weights)]
    unit = Decimal(1).scaleb(-minor_units(amount.currency))
    exact = [amount.amount * weight / whole for weight in weights]
    floors = [(share // unit) * unit for share in exact]
    spare = int((amount.amount - sum(floors, Decimal(0))) / unit)
    ranked = sorted(range(len(weights)), key=lambda n: (floors[n] - exact[n], n))
    for n in ranked[:spare]:
        floors[n] += unit
    return [Money(share.quantize(unit), amount.currency) for share in floors]
