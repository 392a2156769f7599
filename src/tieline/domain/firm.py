"""The tenant as its configuration describes it: legal entities, which system plays which role, who bills, who prices.

Built by the configuration loader and handed to the flows in every snapshot; rules read it, nothing writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from tieline.kit.errors import Rejected

ANY = "*"  # the entry that holds for every legal entity without one of its own
HUB = "hub"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalEntity:
    """One company of the firm. `taxes`: the firm's own word for a tax -> rate as a fraction (0.20 is twenty percent)."""

    code: str
    country: str
    currency: str
    zone: str
    taxes: Mapping[str, Decimal] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """All maps per legal entity take `*` for the rest. `config_version` changes with every change of configuration."""

    tenant: str
    legal_entities: Mapping[str, LegalEntity]
    roles: Mapping[str, Mapping[str, str]]
    biller: Mapping[str, str] = field(default_factory=lambda: {ANY: HUB})
    rater: Mapping[str, str] = field(default_factory=lambda: {ANY: HUB})
    project_homes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {ANY: ("erp",)})
    activation_approval: Literal["clm", "crm"] = "clm"
    amendments_apply: Literal["approved", "automatic"] = "approved"
    waits: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (kind, role): synchronous, and how long
    service_lines: frozenset[str] = frozenset()
    config_version: str = ""

    def system_for(self, role: str, legal_entity: str) -> str | None:
        """The configured name of the system that plays `role` for this legal entity; None: nobody does."""
        return _entry(self.roles.get(role, {}), legal_entity)

    def tax_rate(self, legal_entity: str, tax_code: str) -> Decimal | None:
        """None is "not known", never "no tax": a tax of zero is declared as zero."""
        entity = self.legal_entities.get(legal_entity)
        return entity.taxes.get(tax_code) if entity else None

    def homes_of(self, legal_entity: str) -> tuple[str, ...]:
        """Roles whose systems get project and work breakdown: the configured homes, and wherever it is billed.

        The billing place is always among them, since it refuses a charge on a project that it does not know.
        """
        homes = _entry(self.project_homes, legal_entity) or ()
        return tuple(dict.fromkeys((*homes, self.billing_role(legal_entity), "erp")))

    def billing_role(self, legal_entity: str) -> str:
        """Where billing rules live: at the biller, or at the ERP when the hub itself bills."""
        biller = _entry(self.biller, legal_entity)
        return "erp" if biller in (None, HUB) else str(biller)

    def hub_bills(self, legal_entity: str) -> bool:
        return _entry(self.biller, legal_entity) == HUB

    def hub_rates(self, legal_entity: str) -> bool:
        return _entry(self.rater, legal_entity) == HUB

    def today(self, legal_entity: str, now: datetime) -> date:
        """The calendar day at the legal entity; a rate changes at its midnight, not at UTC's."""
        return now.astimezone(ZoneInfo(self._entity(legal_entity).zone)).date()

    def midnight(self, legal_entity: str, day: date) -> datetime:
        """The instant at which `day` begins at the legal entity, in UTC."""
        zone = ZoneInfo(self._entity(legal_entity).zone)
        return datetime.combine(day, time.min, zone).astimezone(UTC)

    def _entity(self, legal_entity: str) -> LegalEntity:
        entity = self.legal_entities.get(legal_entity)
        if entity is None:
            raise Rejected(f"Legal entity {legal_entity} is not configured.", code="legal_entity_unknown")
        return entity


def _entry(table: Mapping[str, T], legal_entity: str) -> T | None:
    return table.get(legal_entity, table.get(ANY))
