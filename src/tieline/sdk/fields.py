"""Small conversions that every mapping needs, in one place."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tieline.kit.canonical import Json
from tieline.kit.errors import Fault, Rejected


def money_field(value: Json, path: str) -> Decimal:
    """An exact decimal from a vendor's string or number text. Raises Rejected naming `path`."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise Rejected(f"{value!r} is not an amount", faults=[Fault(path, "must be a decimal number")]) from None


def same_amount(amount: Decimal, digits: int) -> str:
    """One spelling per amount, so that read-backs compare equal: exactly `digits` decimals."""
    return str(amount.quantize(Decimal(1).scaleb(-digits)))
