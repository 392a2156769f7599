"""Every reason why something may not move: whose turn it is, the sentence they read, and the way out.

Rules return a `Finding`; flows turn it into a hold. A code is for ever: pages, alerts and runbooks are named after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tieline.domain.hold_codes import AMENDMENT_CODES, CONTRACT_CODES, INVOICE_CODES, TIME_CODES, HoldCode, Owner
from tieline.domain.system_hold_codes import SYSTEM_CODES
from tieline.kit.canonical import Json
from tieline.kit.money import Money

_RULE_CODES = (*CONTRACT_CODES, *AMENDMENT_CODES, *TIME_CODES, *INVOICE_CODES)
CATALOGUE: Mapping[str, HoldCode] = {code.code: code for code in (*_RULE_CODES, *SYSTEM_CODES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that one record fails, with what a person needs to see it."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)
    evidence: Json = None
    amount: Money | None = None

    @property
    def sentence(self) -> str:
        return CATALOGUE[self.code].sentence.format_map(self.values)

    @property
    def way_out(self) -> str:
        return CATALOGUE[self.code].way_out.format_map(self.values)

    @property
    def owner(self) -> Owner:
        return CATALOGUE[self.code].owner


def finding(code: str, *, evidence: Json = None, amount: Money | None = None, **values: object) -> Finding:
    """A finding whose values are written out as text."""
    return Finding(code=code, values={k: str(v) for k, v in values.items()}, evidence=evidence, amount=amount)


def known_code(code: str) -> HoldCode:
    """The entry of any code, also of an error's (`credential_invalid`); what nobody listed is a matter of integration."""
    return CATALOGUE.get(code.upper(), CATALOGUE["REJECTED"])


def general_way_out(code: str) -> str:
    """The way out without the values of one case, for places that only know the code: `‹contract›` stands for them."""
    return known_code(code).way_out.format_map(_Placeholders())


class _Placeholders(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f"‹{name.replace('_', ' ')}›"
