"""Reads the property map of one Ironclad record and collects everything that is wrong with it before it complains."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from tieline import sdk

_CURRENCY = re.compile(r"[A-Z]{3}")
_RATE_DIGITS_MAX = 6
_NOTHING_AMOUNT = Decimal(0)
# Stands with nothing as its amount where the contract has no readable currency, until `settle` raises; never leaves a mapping.
_SOME_CURRENCY = "EUR"
_NO_DAY = date(1, 1, 1)  # stands for an unreadable day until `settle` raises; never leaves a mapping


class Reader:
    """Each method answers a value or notes a fault and answers a stand-in; `settle` raises for all faults at once."""

    def __init__(self, record: Mapping[str, sdk.Json], overlay: Mapping[str, Mapping[str, str]]) -> None:
        self._properties = record.get("properties") or {}
        self._name = str(record.get("ironcladId") or record.get("id"))
        self._overlay = overlay
        self._faults: list[sdk.Fault] = []
        self._unmapped: list[sdk.Fault] = []

    def settle(self) -> None:
        """Raises Rejected (wrong or missing properties) before Blocked (values that only the mapping lacks)."""
        if self._faults:
            faults = [*self._faults, *self._unmapped]
            listed = "; ".join(f"{fault.path.split('/')[2]} {fault.message}" for fault in faults)
            raise sdk.Rejected(f"Ironclad record {self._name} cannot be used: {listed}.", faults=faults)
        if self._unmapped:
            listed = "; ".join(fault.message for fault in self._unmapped)
            raise sdk.Blocked(f"Ironclad record {self._name}: {listed}.", code="MAPPING_MISSING", faults=self._unmapped)

    def fault(self, name: str, message: str) -> None:
        self._faults.append(sdk.Fault(f"/properties/{name}", message))

    def has(self, name: str) -> bool:
        return self._raw(name) is not None

    def text(self, name: str) -> str:
        value = self._required(name)
        if value is not None and not (isinstance(value, str) and value.strip()):
            self.fault(name, "must be a text")
        return value.strip() if isinstance(value, str) else ""

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else None

    def mapped(self, name: str, field: str, known: Mapping[str, str] | None = None) -> str:
        """Our word for a vendor value, by the tenant's overlay; never a guess."""
        value = self.text(name)
        table = self._overlay.get(field, known or {})
        if value in table:
            return table[value]
        if value:
            allowed = ", ".join(sorted(table)) or "none yet"
            self._unmapped.append(
                sdk.Fault(
                    f"/properties/{name}",
                    f"{name} is {value!r}, which has no counterpart here (known: {allowed});"
                    f" correct the record, or add {value!r} under overlay.{field} of this system",
                )
            )
        return ""

    def number(self, name: str) -> Decimal:
        return self._decimal(self._required(name), name, "")

    def whole(self, name: str) -> int:
        number = self.number(name)
        if number != number.to_integral_value() or number < 1:
            self.fault(name, "must be a whole number from 1 on")
            return 1
        return int(number)

    def money(self, name: str, currency: str | None) -> sdk.Money:
        """An amount of at most six decimals, in `currency` when that is given."""
        value = self._required(name)
        given = value.get("currency") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(given, str) or not _CURRENCY.fullmatch(given):
            if value is not None:
                self.fault(name, "must have an amount and a three-letter currency")
            return sdk.Money(_NOTHING_AMOUNT, currency or _SOME_CURRENCY)
        if currency and given != currency:
            self.fault(name, f"is in {given}, but the contract is in {currency}")
        return sdk.Money(self._decimal(value.get("amount"), name, "/amount"), given)

    def currency(self, name: str) -> str:
        value = self.text(name)
        if value and not _CURRENCY.fullmatch(value):
            self.fault(name, f"must be a three-letter currency code, not {value!r}")
            return ""
        return value

    def day(self, name: str) -> date:
        """A calendar day, which Ironclad writes as midnight UTC. Any other hour could be the day before or after."""
        moment = self.instant(name)
        if moment.timetz() != time(0, tzinfo=UTC):
            self.fault(name, f"must be a day (midnight UTC), not {moment.isoformat()}; enter it without a time")
        return moment.date()

    def day_after(self, name: str) -> date | None:
        """The first day after an inclusive last day; None when the property is absent."""
        return self.day(name) + timedelta(days=1) if self.has(name) else None

    def instant(self, name: str) -> datetime:
        value = self._required(name)
        try:
            return sdk.instant(str(value)) if value is not None else self._no_instant()
        except (ValueError, OverflowError):
            self.fault(name, f"must be a date with time zone, not {value!r}")
            return self._no_instant()

    def address(self, name: str) -> sdk.Address:
        value = self._required(name)
        if not isinstance(value, dict):
            if value is not None:
                self.fault(name, "must be an address with lines, locality, postcode and country")
            value = {}
        lines = value.get("lines")
        street = ", ".join(str(line).strip() for line in lines) if isinstance(lines, list) else ""
        parts = {"lines": street, **{part: self._part(value, part) for part in ("locality", "postcode", "country")}}
        if value:
            for part in (part for part, text in parts.items() if not text):
                self._faults.append(sdk.Fault(f"/properties/{name}/value/{part}", f"has no {part}"))
        return sdk.Address(
            street=street, city=parts["locality"], postal_code=parts["postcode"], country=self._country(name, parts)
        )

    def _country(self, name: str, parts: Mapping[str, str]) -> str:
        country = self._overlay.get("country", {}).get(parts["country"], parts["country"])
        if country and not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
            self._faults.append(
                sdk.Fault(f"/properties/{name}/value/country", f"must be a two-letter country code, not {country!r}")
            )
        return country

    def _part(self, value: Mapping[str, sdk.Json], part: str) -> str:
        text = value.get(part)
        return text.strip() if isinstance(text, str) else ""

    def _decimal(self, value: sdk.Json, name: str, below: str) -> Decimal:
        if value is None and not below:
            return _NOTHING_AMOUNT
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        exponent = number.as_tuple().exponent
        if isinstance(value, bool) or not isinstance(exponent, int) or number < 0:
            self._faults.append(sdk.Fault(f"/properties/{name}/value{below}", "must be a number that is not negative"))
            return _NOTHING_AMOUNT
        if -exponent > _RATE_DIGITS_MAX or number.adjusted() > 15:
            self._faults.append(sdk.Fault(f"/properties/{name}/value{below}", "may have six decimals and 15 digits"))
        return number

    def _required(self, name: str) -> sdk.Json:
        value = self._raw(name)
        if value is None:
            self.fault(name, "is missing")
        return value

    def _raw(self, name: str) -> sdk.Json:
        entry = self._properties.get(name)
        return entry.get("value") if isinstance(entry, dict) else None

    def _no_instant(self) -> datetime:
        return datetime.combine(_NO_DAY, time(0, tzinfo=UTC))


def refuse(path: str, message: str) -> NoReturn:
    raise sdk.Rejected(f"The Ironclad record cannot be used: {message}.", faults=[sdk.Fault(path, message)])
